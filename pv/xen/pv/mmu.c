/*
 * Page-table entries of a Xen PV guest (pv/ops/mmu.def). Page tables hold machine frames and are
 * read-only to the guest; Xen checks every change (xen/xen.h, mmu_update) and counts for each
 * frame in what way it is used: writable data, or a page table of a level, never both. Changes go
 * through one queue, so that lazy mode is nothing but not draining it. Next: tables.c.
 */
#include "pv/ex_table.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/pv/mmu.h"
#include "pv/xen/xen.h"

/* Ours, among the bits that the hardware ignores: Xen sets PTE_USER in every entry. */
#define RAW_USER (1ull << 10)
/* Xen's, in entries of kernel pages. */
#define RAW_XEN (1ull << 52)

/* One page of requests does for the largest run of entries, that of a whole table. */
#define QUEUE_MAX 512

/* Written: at boot; an entry of the P2M by the owner of its frame (balloon, make_contiguous). */
u64 *xen_pv_p2m;
u64 xen_pv_nr_pages;
static u64 max_mfn;

/* What drain is to flush: nothing, one page, or all. */
#define FLUSH_NONE 0ull
#define FLUSH_ALL  1ull

/* What each CPU has not yet told Xen. Per CPU: the ops that queue are called where no other thread
 * can run. */
static struct batch {
    struct mmu_update queue[QUEUE_MAX];
    u32 queued;
    u32 lazy_depth;
    u64 flush;
} batches[PV_CPUS_MAX];

static struct batch *mine(void)
{
    return &batches[pv_this_cpu()];
}

void xen_pv_mmu_init(const struct boot_info *info, struct pv_mmu_traits *traits)
{
    xen_pv_nr_pages = info->xen_pv.nr_pages;
    max_mfn = (u64)xen_memory_op(XENMEM_maximum_ram_page, NULL);
    xen_pv_tables_init(&info->xen_pv);
    *traits = (struct pv_mmu_traits){
        .leaf_levels = 1 << 1, /* no PSE for PV guests */
        .root_pages = 2,       /* the second is user mode's */
        .table_high = PFN(xen_pv_nr_pages),
    };
}

mfn_t xen_pv_pfn_to_mfn(pfn_t pfn)
{
    return pfn.n < xen_pv_nr_pages ? MFN(xen_pv_p2m[pfn.n]) : MFN_INVALID;
}

/* Xen maps its table only where the machine has RAM in the same GiB: a read elsewhere faults. */
static u64 read_m2p(u64 mfn)
{
    u64 pfn = INVALID_P2M_ENTRY;

    __asm__ volatile("1: movq %1, %0\n"
                     "2:" EX_TABLE(1b, 2b)
                     : "+r"(pfn)
                     : "m"(machine_to_phys_mapping[mfn]));
    return pfn;
}

/* A frame is ours if Xen's table and our own agree on it. */
pfn_t xen_pv_mfn_to_pfn(mfn_t mfn)
{
    u64 pfn;

    if (mfn.n > max_mfn)
        return PFN_INVALID;
    pfn = read_m2p(mfn.n);
    return pfn < xen_pv_nr_pages && xen_pv_p2m[pfn] == mfn.n ? PFN(pfn) : PFN_INVALID;
}

static u64 to_raw(u64 value)
{
    mfn_t mfn;

    if (!(value & PTE_PRESENT))
        return 0;
    value &= ~PTE_GLOBAL;
    if (value & PTE_USER)
        value |= RAW_USER;
    if (value & PTE_FOREIGN)
        return value;
    mfn = xen_pv_pfn_to_mfn(value_pfn(value));
    return mfn.n == INVALID_P2M_ENTRY ? 0 : mfn.n << PAGE_SHIFT | (value & PTE_FLAGS_MASK);
}

static u64 to_value(u64 raw)
{
    u64 flags = raw & PTE_FLAGS_MASK & ~(RAW_USER | RAW_XEN | PTE_USER);
    pfn_t pfn;

    if (!(raw & PTE_PRESENT))
        return raw;
    if (raw & RAW_USER)
        flags |= PTE_USER;
    pfn = raw & PTE_FOREIGN ? PFN_INVALID : xen_pv_mfn_to_pfn(MFN(value_pfn(raw).n));
    if (pfn.n == INVALID_P2M_ENTRY)
        return flags | PTE_FOREIGN | (raw & PTE_FRAME_MASK);
    return pte_value(pfn, flags);
}

pte_t xen_pv_make_pte(u64 value)
{
    return (pte_t){to_raw(value)};
}

/* Above level 1 there are no leaves. */
pmd_t xen_pv_make_pmd(u64 value)
{
    return (pmd_t){value & PTE_PSE ? 0 : to_raw(value)};
}

u64 xen_pv_pte_val(pte_t entry)
{
    return to_value(entry.raw);
}

static void drain_updates(struct batch *b)
{
    const unsigned int count = b->queued;
    unsigned int done = 0;
    long error;

    if (!count)
        return;
    b->queued = 0;
    xen_updates += count;
    error = xen_mmu_update(b->queue, count, &done);
    if (error)
        pv_panic("set entry", "Xen refuses frame %llx, entry %llx at %llx: %ld",
                 (unsigned long long)xen_pv_mfn_to_pfn(MFN(value_pfn(b->queue[done].val).n)).n,
                 (unsigned long long)b->queue[done].val, (unsigned long long)b->queue[done].ptr,
                 error);
}

int xen_pv_mmuext(unsigned int cmd, u64 arg1, u64 arg2)
{
    struct mmuext_op op = {.cmd = cmd, .arg1.linear_addr = arg1, .arg2.src_mfn = arg2};

    return xen_mmuext_op(&op, 1, NULL) ? -EINVAL : 0;
}

void xen_pv_refused(const char *op, u64 frame)
{
    pv_panic(op, "Xen refuses frame %llx", (unsigned long long)frame);
}

void xen_pv_lazy_flush(void)
{
    struct batch *const b = mine();
    const u64 flush = b->flush;

    drain_updates(b);
    b->flush = FLUSH_NONE;
    if (flush == FLUSH_ALL)
        xen_pv_mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
    else if (flush != FLUSH_NONE)
        xen_pv_mmuext(MMUEXT_INVLPG_LOCAL, flush, 0);
}

void xen_pv_lazy_enter(void)
{
    mine()->lazy_depth++;
}

void xen_pv_lazy_leave(void)
{
    if (!--mine()->lazy_depth)
        xen_pv_lazy_flush();
}

/* command: how mmu_update is to take it, MMU_NORMAL_PT_UPDATE or another. */
static void push(const void *slot, u64 command, u64 raw)
{
    const u64 address = xen_pv_p2m[va_to_pfn(slot).n] << PAGE_SHIFT | (u64)slot % PAGE_SIZE;
    struct batch *const b = mine();

    b->queue[b->queued++] = (struct mmu_update){address | command, raw};
    if (b->queued == QUEUE_MAX)
        drain_updates(b);
    else if (!b->lazy_depth)
        xen_pv_lazy_flush();
}

void xen_pv_set_pte(pte_t *slot, pte_t entry)
{
    push(slot, MMU_NORMAL_PT_UPDATE, entry.raw);
}

/* User mode runs on the root in the frame behind, which has the same lower half. */
void xen_pv_set_pgd(pgd_t *slot, pgd_t entry)
{
    xen_pv_lazy_enter();
    push(slot, MMU_NORMAL_PT_UPDATE, entry.raw);
    if ((u64)slot % PAGE_SIZE < PT_USER_SLOTS * sizeof(*slot))
        push(slot + PT_ENTRIES, MMU_NORMAL_PT_UPDATE, entry.raw);
    xen_pv_lazy_leave();
}

/* One of a run: 0 only for what is not to be present. */
static pte_t run_entry(u64 value)
{
    const pte_t entry = xen_pv_make_pte(value);

    if (!entry.raw && value & PTE_PRESENT)
        pv_panic("set_ptes", "frame %llx has no machine frame",
                 (unsigned long long)value_pfn(value).n);
    return entry;
}

void xen_pv_set_ptes(pte_t *slot, u64 value, u32 count)
{
    xen_pv_lazy_enter();
    for (; count; count--, value += PAGE_SIZE)
        xen_pv_set_pte(slot++, run_entry(value));
    xen_pv_lazy_leave();
}

void xen_pv_init_ptes(pte_t *slot, u64 value, u32 count)
{
    for (; count; count--, value += PAGE_SIZE)
        *slot++ = run_entry(value);
}

void xen_pv_clear_ptes(pte_t *slot, u32 count)
{
    xen_pv_set_ptes(slot, 0, count);
}

/*
 * Twice: the first update leaves exactly the accessed and dirty bits, as they were when the entry
 * became absent, the second clears them too.
 */
pte_t xen_pv_ptep_get_and_clear(pte_t *slot)
{
    pte_t old;

    xen_pv_lazy_flush();
    old.raw = READ_ONCE(slot->raw);
    push(slot, MMU_PT_UPDATE_PRESERVE_AD, 0);
    xen_pv_lazy_flush();
    old.raw |= READ_ONCE(slot->raw) & (PTE_ACCESSED | PTE_DIRTY);
    push(slot, MMU_NORMAL_PT_UPDATE, 0);
    xen_pv_lazy_flush();
    return old;
}

pte_t xen_pv_ptep_modify_prot_start(pte_t *slot)
{
    return (pte_t){READ_ONCE(slot->raw)};
}

void xen_pv_ptep_modify_prot_commit(pte_t *slot, pte_t old, pte_t changed)
{
    (void)old;
    push(slot, MMU_PT_UPDATE_PRESERVE_AD, changed.raw);
}

/* Two pages or more are one flush of all: a hypercall costs more than a few walks. */
static void flush(u64 what)
{
    struct batch *const b = mine();

    b->flush = b->flush == FLUSH_NONE || b->flush == what ? what : FLUSH_ALL;
    if (!b->lazy_depth)
        xen_pv_lazy_flush();
}

void xen_pv_flush_tlb_one(u64 va)
{
    va = ALIGN_DOWN(va, PAGE_SIZE);
    flush(va ? va : FLUSH_ALL);
}

void xen_pv_flush_tlb_kernel(void)
{
    flush(FLUSH_ALL);
}

int xen_pv_flush_tlb_others(u64 cpus, u64 va)
{
    xen_pv_lazy_flush();
    cpus &= ~(1ull << pv_this_cpu());
    if (!cpus)
        return 0;
    if (!pv_cpus_are_up(cpus))
        return -ENODEV;
    if (va == ~0ull ? xen_pv_mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, (u64)&cpus)
                    : xen_pv_mmuext(MMUEXT_INVLPG_MULTI, va, (u64)&cpus))
        pv_panic("flush_tlb_others", "Xen refuses to flush CPUs %llx", (unsigned long long)cpus);
    return 0;
}

u32 xen_pv_context_switch_start(void)
{
    struct batch *const b = mine();
    const u32 depth = b->lazy_depth;

    xen_pv_lazy_flush();
    b->lazy_depth = 0;
    return depth;
}

void xen_pv_context_switch_end(u32 depth)
{
    mine()->lazy_depth = depth;
}

/*
 * By the C ABI an entry is one u64 at every level, so one function does for several. The kernel
 * runs at CPL 3: user pages are its own pages.
 */
const struct pv_mmu_ops xen_pv_mmu_ops = {
    .mmu_init = xen_pv_mmu_init,
    .early_map = xen_pv_early_map,
    .install_tables = xen_pv_install_tables,
    .pfn_to_mfn = xen_pv_pfn_to_mfn,
    .mfn_to_pfn = xen_pv_mfn_to_pfn,
    .make_pte = xen_pv_make_pte,
    .pte_val = xen_pv_pte_val,
    .make_pmd = xen_pv_make_pmd,
    .pmd_val = (void *)xen_pv_pte_val,
    .make_pud = (void *)xen_pv_make_pmd,
    .pud_val = (void *)xen_pv_pte_val,
    .make_pgd = (void *)xen_pv_make_pmd,
    .pgd_val = (void *)xen_pv_pte_val,
    .set_pte = xen_pv_set_pte,
    .set_pmd = (void *)xen_pv_set_pte,
    .set_pud = (void *)xen_pv_set_pte,
    .set_pgd = xen_pv_set_pgd,
    .set_ptes = xen_pv_set_ptes,
    .init_ptes = xen_pv_init_ptes,
    .clear_ptes = xen_pv_clear_ptes,
    .ptep_get_and_clear = xen_pv_ptep_get_and_clear,
    .ptep_modify_prot_start = xen_pv_ptep_modify_prot_start,
    .ptep_modify_prot_commit = xen_pv_ptep_modify_prot_commit,
    .announce_table = xen_pv_announce_table,
    .release_table = xen_pv_release_table,
    .pin_root = xen_pv_pin_root,
    .unpin_root = xen_pv_unpin_root,
    .read_cr3 = xen_pv_read_cr3,
    .write_cr3 = xen_pv_write_cr3,
    .flush_tlb_one = xen_pv_flush_tlb_one,
    .flush_tlb_user = xen_pv_flush_tlb_kernel,
    .flush_tlb_kernel = xen_pv_flush_tlb_kernel,
    .lazy_enter = xen_pv_lazy_enter,
    .lazy_leave = xen_pv_lazy_leave,
    .lazy_flush = xen_pv_lazy_flush,
    .context_switch_start = xen_pv_context_switch_start,
    .context_switch_end = xen_pv_context_switch_end,
    .set_fixmap = xen_pv_set_fixmap,
    .user_access_begin = xen_nop,
    .user_access_end = xen_nop,
    .make_contiguous = xen_pv_make_contiguous,
};

const struct pv_host_ops xen_pv_host_ops = {
    .flush_tlb_others = xen_pv_flush_tlb_others,
    .balloon_adjust = xen_pv_balloon_adjust,
    .hypercall_count = xen_hypercall_count,
};
