/* SPDX-License-Identifier: MIT */
/*
 * Whole page tables on Xen PV: announce and release a table, pin and load a root, and replace the
 * tables of Xen's domain builder at boot. mmu.c explains why tables are read-only and what pinning
 * is. To announce a table is to make the direct map's entry of its frame read-only, because Xen
 * accepts a table only if no mapping of it is writable. Next: memory.c.
 */
#include "lib/string.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/pv/mmu.h"
#include "pv/xen/xen.h"

/*
 * The page at which early_map maps a frame; its own frame is unused then. Written: early, on one
 * CPU.
 */
static u8 early_window[PAGE_SIZE] __aligned(PAGE_SIZE);

/* What Xen's domain builder made. Written: early, on one CPU. */
static const struct boot_xen_pv *builder;

/* Written: by install_tables, on one CPU. */
pfn_t xen_pv_kernel_root;
static bool installed;

/*
 * Each CPU's root; pfn 0 stands for the kernel's, with which a CPU starts. Per CPU: no other CPU
 * reads it.
 */
static pfn_t current_roots[PV_CPUS_MAX];

void xen_pv_tables_init(const struct boot_xen_pv *pv)
{
    builder = pv;
    xen_pv_kernel_root = PFN(pv->pt_base_pa >> PAGE_SHIFT);
}

static u64 raw_entry(u64 pfn, u64 flags)
{
    return xen_pv_p2m[pfn] << PAGE_SHIFT | flags;
}

void *xen_pv_early_map(pfn_t pfn)
{
    if (xen_update_va_mapping((u64)early_window, raw_entry(pfn.n, DIRECT_RW), UVMF_INVLPG))
        xen_pv_refused("early_map", pfn.n);
    return early_window;
}

/* Return where a table is mapped: until the next early_map, before mm/'s own tables are in use. */
static pte_t *table_va(pfn_t table)
{
    return installed ? pfn_to_va(table) : xen_pv_early_map(table);
}

static pfn_t table_below(pte_t entry)
{
    return PFN(machine_to_phys_mapping[value_pfn(entry.raw).n]);
}

/* Return the level-1 entry that maps va, in the tree of this root. */
static pte_t *leaf_slot(pfn_t root, u64 va)
{
    pfn_t table = root;

    for (int level = PT_LEVELS;; level--) {
        pte_t *slot = &table_va(table)[pt_index(va, level)];

        if (level == 1)
            return slot;
        if (!(slot->raw & PTE_PRESENT))
            pv_panic("xen-pv", "no table of level %d for address %llx", level - 1,
                     (unsigned long long)va);
        table = table_below(*slot);
    }
}

void xen_pv_set_direct(pfn_t pfn, u64 prot)
{
    xen_pv_set_pte(leaf_slot(xen_pv_kernel_root, (u64)pfn_to_va(pfn)),
                   (pte_t){prot ? raw_entry(pfn.n, prot) : 0});
}

int xen_pv_set_writable(const void *page, bool writable)
{
    const u64 prot = writable ? DIRECT_RW : DIRECT_RO;
    const u64 pfn = va_to_pfn(xen_pv_direct_va(page)).n;

    if (installed) {
        xen_pv_set_direct(PFN(pfn), prot);
        xen_pv_lazy_flush();
    }
    return xen_update_va_mapping((u64)page, raw_entry(pfn, prot), UVMF_INVLPG) ? -EINVAL : 0;
}

/* Make pages read-only in a tree that Xen has not validated yet, where a plain store is enough. */
static void make_readonly(pfn_t root, const void *va, u64 pages)
{
    for (u64 i = 0; i < pages; i++)
        leaf_slot(root, (u64)va + i * PAGE_SIZE)->raw &= ~PTE_WRITE;
}

/* Make read-only what Xen accepts only so: old and new tables, and CPU 0's descriptor tables. */
static void make_tables_readonly(const struct pv_kernel_tables *t)
{
    make_readonly(t->root, pfn_to_va(t->first_table), t->nr_tables);
    make_readonly(t->root, pfn_to_va(xen_pv_kernel_root), builder->nr_pt_frames);
    for (u32 i = 0; i < ARRAY_SIZE(xen_pv_loaded[0]); i++) {
        const u64 *const table = xen_pv_loaded[0][i];

        make_readonly(t->root, table, !!table);
        make_readonly(t->root, xen_pv_direct_va(table), !!table);
    }
}

/* Perform two mmuext_ops on a machine frame each, in one hypercall. Return how many succeeded. */
static unsigned int mmuext_pair(unsigned int cmd1, u64 mfn1, unsigned int cmd2, u64 mfn2)
{
    struct mmuext_op ops[2] = {{.cmd = cmd1, .arg1.mfn = mfn1}, {.cmd = cmd2, .arg1.mfn = mfn2}};
    unsigned int done = 0;

    xen_mmuext_op(ops, 2, &done);
    return done;
}

/* Give the frames of the domain builder's tables to mm/ as free memory. */
static void free_old_tables(struct pv_kernel_tables *t, pfn_t old_root)
{
    if (xen_pv_mmuext(MMUEXT_UNPIN_TABLE, xen_pv_p2m[old_root.n], 0))
        return;
    t->freed = old_root;
    for (; t->nr_freed < builder->nr_pt_frames; t->nr_freed++)
        xen_pv_set_direct(PFN(old_root.n + t->nr_freed), DIRECT_RW);
}

const char *xen_pv_install_tables(struct pv_kernel_tables *t)
{
    const u64 mfn = xen_pv_p2m[t->root.n];
    const pfn_t old_root = xen_pv_kernel_root;
    const char *error;

    t->nr_freed = 0;
    make_tables_readonly(t);
    xen_pv_early_map(va_to_pfn(
        xen_pv_direct_va(early_window))); /* it may map a table: map its own frame again */
    if (mmuext_pair(MMUEXT_PIN_L4_TABLE, mfn, MMUEXT_NEW_BASEPTR, mfn) != 2)
        return "Xen refuses the kernel's page tables";
    xen_pv_kernel_root = t->root;
    installed = true;
    xen_pv_p2m = builder->nr_p2m_frames ? pfn_to_va(PFN(builder->first_p2m_pfn))
                                        : xen_pv_direct_va(xen_pv_p2m);
    xen_pv_move_start_info();
    free_old_tables(t, old_root);
    xen_pv_grow_p2m(builder);
    error = xen_map_shared_info();
    if (!error)
        xen_pv_publish_p2m();
    return error;
}

void xen_pv_announce_table(pfn_t pfn, int level)
{
    (void)level;
    xen_pv_set_direct(pfn, DIRECT_RO);
}

/* Without the flush this CPU may still have the read-only translation, and a write would fault. */
void xen_pv_release_table(pfn_t pfn, int level)
{
    (void)level;
    xen_pv_set_direct(pfn, DIRECT_RW);
    xen_pv_flush_tlb_kernel();
}

/* Visit every table below this one, deepest first. Look at the first slots entries of it. */
static void for_each_table(pfn_t table, int level, u32 slots, void (*visit)(pfn_t, int))
{
    const pte_t *entries = pfn_to_va(table);

    for (u32 i = 0; i < slots; i++) {
        pfn_t child;

        if (!(entries[i].raw & PTE_PRESENT))
            continue;
        child = table_below(entries[i]);
        if (level > 2)
            for_each_table(child, level - 1, PT_ENTRIES, visit);
        visit(child, level - 1);
    }
}

/* Visit all tables of a root, and both roots, and submit the changes, even in a lazy section. */
static void visit_tree(pfn_t root, void (*visit)(pfn_t, int))
{
    xen_pv_lazy_enter();
    for_each_table(root, PT_LEVELS, PT_USER_SLOTS, visit);
    visit(root, PT_LEVELS);
    visit(PFN(root.n + 1), PT_LEVELS);
    xen_pv_lazy_flush();
    xen_pv_lazy_leave();
}

int xen_pv_pin_root(pfn_t root)
{
    const u64 *const mfns = &xen_pv_p2m[root.n];
    unsigned int done;

    memcpy(pfn_to_va(PFN(root.n + 1)), pfn_to_va(root), PT_USER_SLOTS * sizeof(u64));
    visit_tree(root, xen_pv_announce_table);
    done = mmuext_pair(MMUEXT_PIN_L4_TABLE, mfns[0], MMUEXT_PIN_L4_TABLE, mfns[1]);
    if (done == 2)
        return 0;
    if (done)
        xen_pv_mmuext(MMUEXT_UNPIN_TABLE, mfns[0], 0);
    visit_tree(root, xen_pv_release_table);
    return -EINVAL;
}

void xen_pv_unpin_root(pfn_t root)
{
    const u64 *const mfns = &xen_pv_p2m[root.n];

    xen_pv_lazy_flush();
    if (mmuext_pair(MMUEXT_UNPIN_TABLE, mfns[0], MMUEXT_UNPIN_TABLE, mfns[1]) != 2)
        xen_pv_refused("unpin_root", root.n);
    visit_tree(root, xen_pv_release_table);
}

pfn_t xen_pv_read_cr3(void)
{
    const pfn_t root = current_roots[pv_this_cpu()];

    return root.n ? root : xen_pv_kernel_root;
}

/* The kernel's own root has no user mode, so 0 as user root: the old one may be freed. */
void xen_pv_write_cr3(pfn_t root)
{
    const u64 *const mfns = &xen_pv_p2m[root.n];

    xen_pv_lazy_flush();
    if (mmuext_pair(MMUEXT_NEW_BASEPTR, mfns[0], MMUEXT_NEW_USER_BASEPTR,
                    root.n == xen_pv_kernel_root.n ? 0 : mfns[1]) != 2)
        xen_pv_refused("write_cr3", root.n);
    current_roots[pv_this_cpu()] = root;
}

void xen_pv_set_fixmap(enum pv_fixmap index, u64 value)
{
    xen_pv_lazy_flush();
    if (xen_update_va_mapping((u64)fixmap_va(index), xen_pv_make_pte(value).raw, UVMF_INVLPG))
        xen_pv_refused("set_fixmap", value_pfn(value).n);
}
