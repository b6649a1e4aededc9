/*
 * Class 3 on Xen PV, entry by entry. Page tables hold machine frames and are read-only to us; Xen
 * checks every change (xen/xen.h, mmu_update) and counts for each frame in what way it is used:
 * writable data, or a page table of a level, never both. Changes go through one queue, so that lazy
 * mode is nothing but not draining it. Next: tables.c.
 */
#include "lib/string.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/pv/mmu.h"
#include "pv/xen/pv/xen_pv.h"
#include "pv/xen/xen.h"

/* Ours, among the bits that the hardware ignores: Xen sets PTE_USER in every entry. */
#define RAW_USER (1ull << 10)
/* Xen's, in entries of kernel pages. */
#define RAW_XEN (1ull << 52)

#define NO_FRAME (~0ull)
/* One page of requests does for the largest run of entries, that of a whole table. */
#define QUEUE_MAX 512

u64 *xen_pv_p2m;
u64 xen_pv_nr_pages;
static u64 max_mfn;

/* Of each CPU: what it has not yet told Xen. */
static struct batch {
    struct mmu_update queue[QUEUE_MAX];
    u32 queued;
    u32 lazy_depth;
    u64 flush_at_drain;
} batches[PV_CPUS_MAX];
#define queue          (batches[pv_this_cpu()].queue)
#define queued         (batches[pv_this_cpu()].queued)
#define lazy_depth     (batches[pv_this_cpu()].lazy_depth)
#define flush_at_drain (batches[pv_this_cpu()].flush_at_drain)
static u64 nr_updates;

/* What drain is to flush: nothing, one page, or all. */
#define FLUSH_NONE 0ull
#define FLUSH_ALL  1ull

static void xen_pv_mmu_init(const struct boot_info *info, struct pv_mmu_traits *traits)
{
    xen_pv_p2m = (u64 *)info->xen_pv.p2m_va;
    xen_pv_nr_pages = info->xen_pv.nr_pages;
    max_mfn = (u64)xen_memory_op(XENMEM_maximum_ram_page, NULL);
    xen_pv_tables_init(info);
    *traits = (struct pv_mmu_traits){
        .leaf_levels = 1 << 1, /* no PSE for PV guests */
        .root_pages = 2,       /* the second is user mode's */
        .table_high = PFN(xen_pv_nr_pages),
    };
}

static mfn_t xen_pv_pfn_to_mfn(pfn_t pfn)
{
    return pfn.n < xen_pv_nr_pages ? MFN(xen_pv_p2m[pfn.n]) : MFN_INVALID;
}

/* Xen's table tells of every machine frame; what it says is ours if our own table agrees. */
static pfn_t xen_pv_mfn_to_pfn(mfn_t mfn)
{
    u64 pfn;

    if (mfn.n > max_mfn)
        return PFN_INVALID;
    pfn = machine_to_phys_mapping[mfn.n];
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
    return mfn.n == NO_FRAME ? 0 : mfn.n << PAGE_SHIFT | (value & PTE_FLAGS_MASK);
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
    if (pfn.n == NO_FRAME)
        return flags | PTE_FOREIGN | (raw & PTE_FRAME_MASK);
    return pte_value(pfn, flags);
}

/* The same for each type of entry; above level 1 there are no leaves. */
#define LEVEL(type, not_allowed) \
    static type##_t xen_pv_make_##type(u64 value) \
    { \
        return (type##_t){value & (not_allowed) ? 0 : to_raw(value)}; \
    } \
    static u64 xen_pv_##type##_val(type##_t entry) \
    { \
        return to_value(entry.raw); \
    }

LEVEL(pte, 0)
LEVEL(pmd, PTE_LARGE)
LEVEL(pud, PTE_LARGE)
LEVEL(pgd, PTE_LARGE)

u64 xen_pv_slot_address(const void *slot)
{
    return xen_pv_p2m[va_to_pfn(slot).n] << PAGE_SHIFT | ((u64)slot & (PAGE_SIZE - 1));
}

static void drain_updates(void)
{
    unsigned int count = queued, done = 0;
    long error;

    if (!count)
        return;
    queued = 0;
    nr_updates += count;
    error = xen_mmu_update(queue, count, &done);
    if (error)
        pv_panic("set entry",
                 "Xen refuses frame %llx, entry %llx, at machine address %llx (mmu_update: %ld)",
                 (unsigned long long)xen_pv_mfn_to_pfn(MFN(value_pfn(queue[done].val).n)).n,
                 (unsigned long long)queue[done].val, (unsigned long long)queue[done].ptr, error);
}

int xen_pv_mmuext(struct mmuext_op *ops, unsigned int count)
{
    unsigned int done = 0;

    return (int)xen_mmuext_op(ops, count, &done);
}

static void flush_now(u64 va)
{
    struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

    if (va != FLUSH_ALL) {
        op.cmd = MMUEXT_INVLPG_LOCAL;
        op.arg1.linear_addr = va;
    }
    xen_pv_mmuext(&op, 1);
}

void xen_pv_drain(void)
{
    const u64 flush = flush_at_drain;

    drain_updates();
    flush_at_drain = FLUSH_NONE;
    if (flush != FLUSH_NONE)
        flush_now(flush);
}

void xen_pv_push(u64 address, u64 raw)
{
    queue[queued++] = (struct mmu_update){address, raw};
    if (queued == QUEUE_MAX)
        drain_updates();
    else if (!lazy_depth)
        xen_pv_drain();
}

static void xen_pv_set_pte(pte_t *slot, pte_t entry)
{
    xen_pv_push(xen_pv_slot_address(slot), entry.raw);
}

static void xen_pv_set_pmd(pmd_t *slot, pmd_t entry)
{
    xen_pv_push(xen_pv_slot_address(slot), entry.raw);
}

static void xen_pv_set_pud(pud_t *slot, pud_t entry)
{
    xen_pv_push(xen_pv_slot_address(slot), entry.raw);
}

/* User mode runs on the root in the frame behind, which has the same lower half. */
static void xen_pv_set_pgd(pgd_t *slot, pgd_t entry)
{
    lazy_depth++;
    xen_pv_push(xen_pv_slot_address(slot), entry.raw);
    if ((u64)slot % PAGE_SIZE < PT_USER_SLOTS * sizeof(*slot))
        xen_pv_push(xen_pv_slot_address(slot + PT_ENTRIES), entry.raw);
    if (!--lazy_depth)
        xen_pv_drain();
}

static u64 run_entry(u64 value)
{
    const u64 raw = to_raw(value);

    if (!raw)
        pv_panic("set_ptes", "frame %llx has no machine frame",
                 (unsigned long long)value_pfn(value).n);
    return raw;
}

static void xen_pv_set_ptes(pte_t *slot, u64 value, u32 count)
{
    u64 address = xen_pv_slot_address(slot);

    lazy_depth++;
    for (; count; count--, address += sizeof(*slot), value += PAGE_SIZE)
        xen_pv_push(address, run_entry(value));
    if (!--lazy_depth)
        xen_pv_drain();
}

static void xen_pv_init_ptes(pte_t *slot, u64 value, u32 count)
{
    for (; count; count--, slot++, value += PAGE_SIZE)
        slot->raw = run_entry(value);
}

static void xen_pv_clear_ptes(pte_t *slot, u32 count)
{
    u64 address = xen_pv_slot_address(slot);

    lazy_depth++;
    for (; count; count--, address += sizeof(*slot))
        xen_pv_push(address, 0);
    if (!--lazy_depth)
        xen_pv_drain();
}

/*
 * Twice: the first update leaves exactly the accessed and dirty bits, as they were when the entry
 * became absent, the second clears them too.
 */
static pte_t xen_pv_get_and_clear_pte(pte_t *slot)
{
    const u64 address = xen_pv_slot_address(slot);
    pte_t old;

    xen_pv_drain();
    old.raw = READ_ONCE(slot->raw);
    xen_pv_push(address | MMU_PT_UPDATE_PRESERVE_AD, 0);
    xen_pv_drain();
    old.raw |= READ_ONCE(slot->raw) & (PTE_ACCESSED | PTE_DIRTY);
    xen_pv_push(address, 0);
    xen_pv_drain();
    return old;
}

static pte_t xen_pv_protect_start(pte_t *slot)
{
    return (pte_t){READ_ONCE(slot->raw)};
}

static void xen_pv_protect_commit(pte_t *slot, pte_t old, pte_t changed)
{
    (void)old;
    xen_pv_push(xen_pv_slot_address(slot) | MMU_PT_UPDATE_PRESERVE_AD, changed.raw);
}

/* Two pages or more are one flush of all: a hypercall costs more than a few walks. */
static void xen_pv_flush_one(u64 va)
{
    va = ALIGN_DOWN(va, PAGE_SIZE);
    if (!va)
        flush_at_drain = FLUSH_ALL;
    else if (flush_at_drain == FLUSH_NONE)
        flush_at_drain = va;
    else if (flush_at_drain != va)
        flush_at_drain = FLUSH_ALL;
    if (!lazy_depth)
        xen_pv_drain();
}

void xen_pv_flush_at_drain(void)
{
    flush_at_drain = FLUSH_ALL;
}

static void xen_pv_flush_all(void)
{
    flush_at_drain = FLUSH_ALL;
    if (!lazy_depth)
        xen_pv_drain();
}

static int xen_pv_flush_others(u64 cpus, u64 va)
{
    struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_MULTI};

    xen_pv_drain();
    set_xen_guest_handle_raw(op.arg2.vcpumask, &cpus);
    if (va != ~0ull) {
        op.cmd = MMUEXT_INVLPG_MULTI;
        op.arg1.linear_addr = va;
    }
    if (!pv_others_are_up(&cpus))
        return -ENODEV;
    return cpus ? xen_pv_mmuext(&op, 1) : 0;
}

static void xen_pv_lazy_enter(void)
{
    lazy_depth++;
}

static void xen_pv_lazy_leave(void)
{
    if (!--lazy_depth)
        xen_pv_drain();
}

static u32 xen_pv_context_switch_start(void)
{
    const u32 depth = lazy_depth;

    xen_pv_drain();
    lazy_depth = 0;
    return depth;
}

static void xen_pv_context_switch_end(u32 depth)
{
    lazy_depth = depth;
}

/* The kernel runs at CPL 3: user pages are its own pages. */
void xen_pv_user_access(void)
{
}

static u64 xen_pv_hypercall_count(u64 *updates)
{
    *updates = nr_updates;
    return xen_hypercalls;
}

const struct pv_mmu_ops xen_pv_mmu_ops = {
    .mmu_init = xen_pv_mmu_init,
    .early_map = xen_pv_early_map,
    .install_tables = xen_pv_install_tables,
    .pfn_to_mfn = xen_pv_pfn_to_mfn,
    .mfn_to_pfn = xen_pv_mfn_to_pfn,
    .make_pte = xen_pv_make_pte,
    .pte_val = xen_pv_pte_val,
    .make_pmd = xen_pv_make_pmd,
    .pmd_val = xen_pv_pmd_val,
    .make_pud = xen_pv_make_pud,
    .pud_val = xen_pv_pud_val,
    .make_pgd = xen_pv_make_pgd,
    .pgd_val = xen_pv_pgd_val,
    .set_pte = xen_pv_set_pte,
    .set_pmd = xen_pv_set_pmd,
    .set_pud = xen_pv_set_pud,
    .set_pgd = xen_pv_set_pgd,
    .set_ptes = xen_pv_set_ptes,
    .init_ptes = xen_pv_init_ptes,
    .clear_ptes = xen_pv_clear_ptes,
    .get_and_clear_pte = xen_pv_get_and_clear_pte,
    .protect_start = xen_pv_protect_start,
    .protect_commit = xen_pv_protect_commit,
    .announce_table = xen_pv_announce_table,
    .release_table = xen_pv_release_table,
    .pin_root = xen_pv_pin_root,
    .unpin_root = xen_pv_unpin_root,
    .read_root = xen_pv_read_root,
    .write_root = xen_pv_write_root,
    .flush_one = xen_pv_flush_one,
    .flush_user = xen_pv_flush_all,
    .flush_all = xen_pv_flush_all,
    .lazy_enter = xen_pv_lazy_enter,
    .lazy_leave = xen_pv_lazy_leave,
    .lazy_flush = xen_pv_drain,
    .context_switch_start = xen_pv_context_switch_start,
    .context_switch_end = xen_pv_context_switch_end,
    .set_fixmap = xen_pv_set_fixmap,
    .user_access_begin = xen_pv_user_access,
    .user_access_end = xen_pv_user_access,
    .make_contiguous = xen_pv_make_contiguous,
};

const struct pv_host_ops xen_pv_host_ops = {
    .flush_others = xen_pv_flush_others,
    .balloon_adjust = xen_pv_balloon_adjust,
    .hypercall_count = xen_pv_hypercall_count,
};
