/*
 * Class 3 on Xen PV, whole tables. A table that Xen is to accept must not be mapped writable
 * anywhere, so announcing one means to make its entry in the direct map read-only; pinning a root
 * makes Xen check the whole tree below it at once (xen/xen.h, mmuext_op), which costs far less than
 * an mmu_update for each entry of it. Next: memory.c.
 */
#include "lib/string.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/pv/mmu.h"
#include "pv/xen/pv/xen_pv.h"
#include "pv/xen/xen.h"

#define READONLY_MAX 32

/* early_map's one page: its own frame lies unused meanwhile. */
static u8 window[PAGE_SIZE] __aligned(PAGE_SIZE);

/* What Xen's builder made. */
static pfn_t old_root;
static u64 nr_old_tables;
static pfn_t p2m_first;

/* Pages of the image that Xen wants read-only: descriptor tables that were loaded. */
static u64 readonly_pages[READONLY_MAX];
static u32 nr_readonly;

static pfn_t kernel_root;
static pfn_t current_root;
static bool installed;

void xen_pv_tables_init(const struct boot_info *info)
{
    const struct boot_xen_pv *pv = &info->xen_pv;

    old_root = PFN(pv->pt_base_pa >> PAGE_SHIFT);
    nr_old_tables = pv->nr_pt_frames;
    p2m_first = PFN(pv->nr_p2m_frames ? pv->first_p2m_pfn : (pv->p2m_va - VIRT_BASE) >> PAGE_SHIFT);
    kernel_root = current_root = old_root;
}

pfn_t xen_pv_kernel_root(void)
{
    return kernel_root;
}

static u64 image_pfn(const void *va)
{
    return ((u64)va - VIRT_BASE) >> PAGE_SHIFT;
}

static u64 raw_entry(u64 pfn, u64 flags)
{
    return xen_pv_p2m[pfn] << PAGE_SHIFT | flags;
}

void *xen_pv_early_map(pfn_t pfn)
{
    if (xen_update_va_mapping((u64)window, raw_entry(pfn.n, DIRECT_RW), UVMF_INVLPG))
        pv_panic("early_map", "Xen refuses to map frame %llx", (unsigned long long)pfn.n);
    return window;
}

static u64 *table_va(pfn_t table)
{
    return installed ? pfn_to_va(table) : xen_pv_early_map(table);
}

/* The table of level 1 that maps va, in the tree of this root. */
static pfn_t leaf_table(pfn_t root, u64 va)
{
    pfn_t table = root;

    for (int level = PT_LEVELS; level > 1; level--) {
        const u64 raw = table_va(table)[pt_index(va, level)];

        if (!(raw & PTE_PRESENT))
            pv_panic("xen-pv", "no table of level %d for address %llx", level - 1,
                     (unsigned long long)va);
        table = PFN(machine_to_phys_mapping[value_pfn(raw).n]);
    }
    return table;
}

void xen_pv_set_direct(pfn_t pfn, u64 prot)
{
    const u64 va = (u64)pfn_to_va(pfn);
    const u64 *slots = table_va(leaf_table(kernel_root, va));

    xen_pv_push(xen_pv_slot_address(&slots[pt_index(va, 1)]), prot ? raw_entry(pfn.n, prot) : 0);
}

/* In a tree that Xen does not know yet: a store does. */
static void early_make_readonly(pfn_t root, u64 va)
{
    table_va(leaf_table(root, va))[pt_index(va, 1)] &= ~PTE_WRITE;
}

/* What is loaded before mm/'s tables are there is noted, and read-only in those too. */
static int note_readonly(u64 page, bool writable)
{
    for (u32 i = 0; i < nr_readonly; i++)
        if (readonly_pages[i] == page) {
            if (writable)
                readonly_pages[i] = readonly_pages[--nr_readonly];
            return 0;
        }
    if (nr_readonly == READONLY_MAX)
        return -EINVAL;
    if (!writable)
        readonly_pages[nr_readonly++] = page;
    return 0;
}

int xen_pv_set_writable(const void *page, bool writable)
{
    const u64 prot = writable ? DIRECT_RW : DIRECT_RO;
    const u64 pfn = image_pfn(page);

    if (!installed && note_readonly((u64)page, writable))
        return -EINVAL;
    if (installed) {
        xen_pv_set_direct(PFN(pfn), prot);
        xen_pv_drain();
    }
    return xen_update_va_mapping((u64)page, raw_entry(pfn, prot), UVMF_INVLPG) ? -EINVAL : 0;
}

static void make_tables_readonly(const struct pv_kernel_tables *t)
{
    for (u64 i = 0; i < t->nr_tables; i++)
        early_make_readonly(t->root, (u64)pfn_to_va(PFN(t->first_table.n + i)));
    for (u64 i = 0; i < nr_old_tables; i++)
        early_make_readonly(t->root, (u64)pfn_to_va(PFN(old_root.n + i)));
    for (u32 i = 0; i < nr_readonly; i++) {
        early_make_readonly(t->root, readonly_pages[i]);
        early_make_readonly(t->root, (u64)pfn_to_va(PFN(image_pfn((void *)readonly_pages[i]))));
    }
}

static void free_old_tables(struct pv_kernel_tables *t)
{
    struct mmuext_op op = {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = xen_pv_p2m[old_root.n]};

    if (xen_pv_mmuext(&op, 1))
        return;
    t->freed = old_root;
    t->nr_freed = nr_old_tables;
    for (u64 i = 0; i < nr_old_tables; i++)
        xen_pv_set_direct(PFN(old_root.n + i), DIRECT_RW);
}

const char *xen_pv_install_tables(struct pv_kernel_tables *t)
{
    struct mmuext_op pin = {.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = xen_pv_p2m[t->root.n]};
    struct mmuext_op use = {.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = xen_pv_p2m[t->root.n]};

    t->freed = PFN(0);
    t->nr_freed = 0;
    make_tables_readonly(t);
    xen_pv_early_map(PFN(image_pfn(window))); /* no table is mapped writable any more */
    if (xen_pv_mmuext(&pin, 1))
        return "Xen refuses to pin the kernel's page tables";
    if (xen_pv_mmuext(&use, 1))
        return "Xen refuses to switch to the kernel's page tables";
    kernel_root = current_root = t->root;
    installed = true;
    xen_pv_p2m = pfn_to_va(p2m_first);
    xen_pv_move_start_info();
    if (!xen_flavour->map_shared_info())
        return "Xen refuses to map the shared_info page again";
    free_old_tables(t);
    return NULL;
}

void xen_pv_announce_table(pfn_t pfn, int level)
{
    (void)level;
    xen_pv_set_direct(pfn, DIRECT_RO);
}

/* Without the flush the CPU may go on to refuse writes. */
void xen_pv_release_table(pfn_t pfn, int level)
{
    (void)level;
    xen_pv_flush_at_drain();
    xen_pv_set_direct(pfn, DIRECT_RW);
}

/* Every table below this one, deepest first. slots: how many of its entries count. */
static void for_each_table(pfn_t table, int level, u32 slots, void (*visit)(pfn_t, int))
{
    const u64 *entries = pfn_to_va(table);

    for (u32 i = 0; i < slots; i++) {
        pfn_t child;

        if (!(entries[i] & PTE_PRESENT))
            continue;
        child = PFN(machine_to_phys_mapping[value_pfn(entries[i]).n]);
        if (level > 2)
            for_each_table(child, level - 1, PT_ENTRIES, visit);
        visit(child, level - 1);
    }
}

static void visit_tree(pfn_t root, void (*visit)(pfn_t, int))
{
    for_each_table(root, PT_LEVELS, PT_USER_SLOTS, visit);
    visit(root, PT_LEVELS);
    visit(PFN(root.n + 1), PT_LEVELS);
}

static int both_roots(pfn_t root, unsigned int command)
{
    struct mmuext_op ops[2] = {
        {.cmd = command, .arg1.mfn = xen_pv_p2m[root.n]},
        {.cmd = command, .arg1.mfn = xen_pv_p2m[root.n + 1]},
    };
    unsigned int done = 0;
    long error = xen_mmuext_op(ops, 2, &done);

    if (error && done == 1 && command == MMUEXT_PIN_L4_TABLE) {
        ops[0].cmd = MMUEXT_UNPIN_TABLE;
        xen_pv_mmuext(ops, 1);
    }
    return (int)error;
}

int xen_pv_pin_root(pfn_t root)
{
    const u32 depth = pv_context_switch_start();
    int error;

    memcpy(pfn_to_va(PFN(root.n + 1)), pfn_to_va(root), PT_USER_SLOTS * sizeof(u64));
    pv_lazy_enter();
    visit_tree(root, xen_pv_announce_table);
    pv_lazy_leave();
    error = both_roots(root, MMUEXT_PIN_L4_TABLE);
    if (error) {
        pv_lazy_enter();
        visit_tree(root, xen_pv_release_table);
        pv_lazy_leave();
    }
    pv_context_switch_end(depth);
    return error ? -EINVAL : 0;
}

void xen_pv_unpin_root(pfn_t root)
{
    const u32 depth = pv_context_switch_start();

    if (both_roots(root, MMUEXT_UNPIN_TABLE))
        pv_panic("unpin_root", "Xen refuses for frame %llx", (unsigned long long)root.n);
    pv_lazy_enter();
    visit_tree(root, xen_pv_release_table);
    pv_lazy_leave();
    pv_context_switch_end(depth);
}

pfn_t xen_pv_read_root(void)
{
    return current_root;
}

/* The kernel's own root has no user mode: 0 takes the old one away. */
void xen_pv_write_root(pfn_t root)
{
    struct mmuext_op ops[2] = {
        {.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = xen_pv_p2m[root.n]},
        {.cmd = MMUEXT_NEW_USER_BASEPTR,
         .arg1.mfn = root.n == kernel_root.n ? 0 : xen_pv_p2m[root.n + 1]},
    };

    xen_pv_drain();
    if (xen_pv_mmuext(ops, 2))
        pv_panic("write_root", "Xen refuses frame %llx", (unsigned long long)root.n);
    current_root = root;
}

void xen_pv_set_fixmap(enum pv_fixmap index, u64 value)
{
    const u64 raw = pv_make_pte(value).raw;

    xen_pv_drain();
    if (xen_update_va_mapping((u64)fixmap_va(index), raw, UVMF_INVLPG))
        pv_panic("set_fixmap", "Xen refuses entry %llx for frame %llx", (unsigned long long)raw,
                 (unsigned long long)value_pfn(value).n);
}
