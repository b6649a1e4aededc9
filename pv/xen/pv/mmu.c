/* SPDX-License-Identifier: MIT */
/*
 * Page tables of a Xen PV guest: changes of entries, and TLB flushes. What an entry holds is in
 * entries.c, which comes first.
 *
 * Why tables are read-only. A guest that could write any mfn into a table could map any memory of
 * the machine. Therefore Xen checks each change, and a guest's mapping of its own tables must not
 * be writable. Xen enforces this by a type for each frame (PGT_* in Xen's source): writable data, a
 * page table of level 1, 2, 3 or 4, or a page of descriptors. A type count is the number of uses of
 * this type: writable mappings of data, or references from tables one level up. The type can change
 * only while the count is 0. So before a frame becomes a table, the last writable mapping of it has
 * to go, which is the one in the direct map (announce_table, tables.c).
 *
 * When a frame becomes a table, Xen validates all of its 512 entries, and recursively the tables
 * below. When the last reference goes the validation is lost, and the next use repeats it. Pinning
 * adds one reference that stays: a pinned root remains validated while no CPU has it in CR3.
 * Pinning also makes a new address space cheap: fill its tables by plain stores while they still
 * are data, then make them read-only and pin the root, and one hypercall validates the whole tree.
 *
 * Later changes are requests of mmu_update: (machine address of the entry, new value). A hypercall
 * costs far more than a request, so requests are queued, and one mmu_update passes up to 256 of
 * them. (Linux batches by the multicall hypercall, because it mixes different hypercalls in one
 * batch. Here the queue holds requests of one kind, and mmu_update itself takes an array.) Outside
 * of a lazy section every change is submitted at once. Between lazy_enter and lazy_leave it may
 * stay in the queue until lazy_leave, until the queue is full, or until an op has to see its
 * effect. TLB flushes are queued in the same way and follow the updates.
 *
 * References: xen/xen.h (mmu_update, mmuext_op), xen/arch/x86/mm.c in Xen's source. Next: tables.c
 * (whole tables and roots), then memory.c (giving frames back).
 */
#include "pv/xen/hypercall.h"
#include "pv/xen/pv/mmu.h"
#include "pv/xen/xen.h"

#define QUEUE_MAX (PT_ENTRIES / 2) /* two hypercalls for all entries of a table */

/* The TLB flush that a batch ends with: one of these, or the address of one page. */
#define FLUSH_NONE 0ull
#define FLUSH_ALL  1ull

/*
 * Changes not yet submitted to Xen. Each CPU has its own batch, because callers of these ops cannot
 * be preempted; area->backend points to it (pv/cpu_start.h).
 */
struct batch {
    struct mmu_update queue[QUEUE_MAX];
    u32 queued;
    u32 lazy_depth; /* lazy sections are nested as deep as this */
    u64 flush;
};
_Static_assert(sizeof(struct batch) <= PV_BACKEND_AREA_SIZE, "the kernel allocates as much");

static struct batch boot_batch; /* Per CPU: CPU 0's */

static struct batch *this_batch(void)
{
    return pv_this_backend_area();
}

void xen_pv_use_boot_batch(void)
{
    pv_this_area()->backend = &boot_batch;
}

void xen_pv_mmu_init(const struct boot_info *info, struct pv_mmu_traits *traits)
{
    xen_pv_nr_pages = info->xen_pv.nr_pages;
    xen_pv_read_max_mfn();
    xen_pv_tables_init(&info->xen_pv);
    *traits = (struct pv_mmu_traits){
        .leaf_levels = 1 << 1, /* Xen offers no large pages to PV guests */
        .root_pages = 2,       /* the kernel's root, then user mode's */
        .table_high = PFN(xen_pv_nr_pages),
    };
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
    struct batch *const b = this_batch();
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
    this_batch()->lazy_depth++;
}

void xen_pv_lazy_leave(void)
{
    if (!--this_batch()->lazy_depth)
        xen_pv_lazy_flush();
}

/*
 * Queue one request, or submit it at once outside of a lazy section. command is in the low bits of
 * the address: MMU_NORMAL_PT_UPDATE, or MMU_PT_UPDATE_PRESERVE_AD, which keeps accessed and dirty.
 */
static void queue_update(const void *slot, u64 command, u64 raw)
{
    const u64 address = xen_pv_p2m[va_to_pfn(slot).n] << PAGE_SHIFT | (u64)slot % PAGE_SIZE;
    struct batch *const b = this_batch();

    b->queue[b->queued++] = (struct mmu_update){address | command, raw};
    if (b->queued == QUEUE_MAX)
        drain_updates(b);
    else if (!b->lazy_depth)
        xen_pv_lazy_flush();
}

void xen_pv_set_pte(pte_t *slot, pte_t entry)
{
    queue_update(slot, MMU_NORMAL_PT_UPDATE, entry.raw);
}

void xen_pv_set_pmd(pmd_t *slot, pmd_t entry)
{
    queue_update(slot, MMU_NORMAL_PT_UPDATE, entry.raw);
}

void xen_pv_set_pud(pud_t *slot, pud_t entry)
{
    queue_update(slot, MMU_NORMAL_PT_UPDATE, entry.raw);
}

/* User mode has a root of its own, in the frame after the kernel's, with the same lower half. */
void xen_pv_set_pgd(pgd_t *slot, pgd_t entry)
{
    xen_pv_lazy_enter();
    queue_update(slot, MMU_NORMAL_PT_UPDATE, entry.raw);
    if ((u64)slot % PAGE_SIZE < PT_USER_SLOTS * sizeof(*slot))
        queue_update(slot + PT_ENTRIES, MMU_NORMAL_PT_UPDATE, entry.raw);
    xen_pv_lazy_leave();
}

/*
 * Return the entry for a value that must not lose its frame; a value that is not present gives 0.
 */
static pte_t make_leaf(u64 value)
{
    const pte_t entry = xen_pv_make_pte(value);

    if (!entry.raw && value & PTE_PRESENT)
        pv_panic("set_ptes", "pfn %llx has no machine frame",
                 (unsigned long long)value_pfn(value).n);
    return entry;
}

void xen_pv_set_ptes(pte_t *slot, u64 value, u32 count)
{
    xen_pv_lazy_enter();
    for (; count; count--, value += PAGE_SIZE)
        xen_pv_set_pte(slot++, make_leaf(value));
    xen_pv_lazy_leave();
}

void xen_pv_init_ptes(pte_t *slot, u64 value, u32 count)
{
    for (; count; count--, value += PAGE_SIZE)
        *slot++ = make_leaf(value);
}

void xen_pv_clear_ptes(pte_t *slot, u32 count)
{
    xen_pv_set_ptes(slot, 0, count);
}

/*
 * mmu_update does not return the old entry, and a plain read before it would miss an accessed or
 * dirty bit that the hardware sets in between. So clear in two steps: the first makes the entry not
 * present but keeps these two bits, which the hardware then no longer changes; the second clears
 * them.
 */
pte_t xen_pv_ptep_get_and_clear(pte_t *slot)
{
    pte_t old;

    xen_pv_lazy_flush();
    old.raw = READ_ONCE(slot->raw);
    queue_update(slot, MMU_PT_UPDATE_PRESERVE_AD, 0);
    xen_pv_lazy_flush();
    old.raw |= READ_ONCE(slot->raw) & (PTE_ACCESSED | PTE_DIRTY);
    queue_update(slot, MMU_NORMAL_PT_UPDATE, 0);
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
    queue_update(slot, MMU_PT_UPDATE_PRESERVE_AD, changed.raw);
}

/*
 * Add a flush to the batch: FLUSH_ALL or a page's address. Two different pages become FLUSH_ALL,
 * because a second hypercall costs more than refilling the TLB.
 */
static void queue_flush(u64 what)
{
    struct batch *const b = this_batch();

    b->flush = b->flush == FLUSH_NONE || b->flush == what ? what : FLUSH_ALL;
    if (!b->lazy_depth)
        xen_pv_lazy_flush();
}

void xen_pv_flush_tlb_one(u64 va)
{
    va = ALIGN_DOWN(va, PAGE_SIZE);
    queue_flush(va ? va : FLUSH_ALL); /* 0 is FLUSH_NONE */
}

void xen_pv_flush_tlb_kernel(void)
{
    queue_flush(FLUSH_ALL);
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
    struct batch *const b = this_batch();
    const u32 depth = b->lazy_depth;

    xen_pv_lazy_flush();
    b->lazy_depth = 0;
    return depth;
}

void xen_pv_context_switch_end(u32 depth)
{
    this_batch()->lazy_depth = depth;
}

/*
 * user_access: the kernel runs at CPL 3, so that SMAP does not apply to it and it reaches user
 * pages.
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
