/* SPDX-License-Identifier: MIT */
/*
 * Cost of each op of page tables and the TLB. Part of the payload "bench" (test/bench/bench.h). The
 * ops work on one page of the kernel's mappings and on a user space that is never activated. In a
 * batch (lazy mode) the same changes cost less; whole mappings are measured in mm.c.
 */
#include "mm/frame.h"
#include "mm/mm.h"
#include "mm/space.h"
#include "test/bench/bench.h"
#include "test/harness/mm_util.h"

#define PAGE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_NX | PTE_ACCESSED | PTE_DIRTY)

/* The objects that the ops work on, created on first use and kept. */
static struct {
    bool made;
    pfn_t frame; /* mapped at TEST_VA */
    pfn_t spare; /* not mapped, zeroed */
    mfn_t machine;
    u64 value;   /* of the page's entry */
    pte_t entry; /* the same as an entry */
    struct mm_space space;
    u64 updates;
} objects;

static bool make_objects(void)
{
    if (objects.made)
        return true;
    objects.frame = frame_alloc(0, FRAME_ZEROED, FRAME_KERNEL);
    objects.spare = frame_alloc(0, FRAME_ZEROED, FRAME_KERNEL);
    if (objects.frame.n == NO_PFN || objects.spare.n == NO_PFN ||
        mm_map(&mm_kernel, TEST_VA, objects.frame, 1, MM_WRITE) || mm_space_create(&objects.space))
        return false;
    objects.machine = pv_pfn_to_mfn(objects.frame);
    objects.value = pte_value(objects.frame, PAGE_FLAGS);
    objects.entry = pv_make_pte(objects.value);
    objects.made = true;
    return true;
}

/* Return the entry of this level that leads to the page. */
static void *slot_of_level(int level)
{
    return mm_slot(&mm_kernel, TEST_VA, level);
}

/* Like BENCH_CALL(op, …), with a declaration that prepares the statement. */
#define BENCH_MMU(ident, unit, declaration, ...) \
    static void loop_##ident(u32 count) \
    { \
        declaration; \
        for (; count; count--) { \
            __VA_ARGS__; \
            barrier(); \
        } \
    } \
    BENCH(op, ident, unit) \
    { \
        return make_objects() ? bench_per_call(loop_##ident) : bench_none("no memory"); \
    }
#define NOTHING (void)0

BENCH_NOT(mmu_init, "once a boot");
BENCH_NOT(early_map, "before the kernel's own tables only");
BENCH_NOT(install_tables, "once a boot");

/* Numbers and entries. */
BENCH_MMU(pfn_to_mfn, "ticks", NOTHING, pv_pfn_to_mfn(objects.frame))
BENCH_MMU(mfn_to_pfn, "ticks", NOTHING, pv_mfn_to_pfn(objects.machine))
BENCH_MMU(make_pte, "ticks", NOTHING, pv_make_pte(objects.value))
BENCH_MMU(pte_val, "ticks", NOTHING, pv_pte_val(objects.entry))
BENCH_MMU(make_pmd, "ticks", NOTHING, pv_make_pmd(objects.value))
BENCH_MMU(pmd_val, "ticks", NOTHING, pv_pmd_val((pmd_t){objects.entry.raw}))
BENCH_MMU(make_pud, "ticks", NOTHING, pv_make_pud(objects.value))
BENCH_MMU(pud_val, "ticks", NOTHING, pv_pud_val((pud_t){objects.entry.raw}))
BENCH_MMU(make_pgd, "ticks", NOTHING, pv_make_pgd(objects.value))
BENCH_MMU(pgd_val, "ticks", NOTHING, pv_pgd_val((pgd_t){objects.entry.raw}))

/* Entries of announced tables, overwritten with the value that they have. */
BENCH_MMU(set_pte, "ticks", pte_t *at = slot_of_level(1), pv_set_pte(at, objects.entry))
BENCH_MMU(set_pmd, "ticks", pmd_t *at = slot_of_level(2), pv_set_pmd(at, *at))
BENCH_MMU(set_pud, "ticks", pud_t *at = slot_of_level(3), pv_set_pud(at, *at))
BENCH_MMU(set_pgd, "ticks", pgd_t *at = slot_of_level(4), pv_set_pgd(at, *at))
BENCH_MMU(set_ptes, "ticks for 1 entry", pte_t *at = slot_of_level(1),
          pv_set_ptes(at, objects.value, 1))
BENCH_MMU(init_ptes, "ticks for 1 entry", pte_t *at = pfn_to_va(objects.spare),
          pv_init_ptes(at, objects.value, 1);
          at->raw = 0)
BENCH_MMU(clear_ptes, "ticks for 1 entry, with set_pte", pte_t *at = slot_of_level(1),
          pv_clear_ptes(at, 1);
          pv_set_pte(at, objects.entry))
BENCH_MMU(ptep_get_and_clear, "ticks with set_pte", pte_t *at = slot_of_level(1),
          pv_ptep_get_and_clear(at);
          pv_set_pte(at, objects.entry))
BENCH_MMU(ptep_modify_prot_start, "ticks with ptep_modify_prot_commit",
          pte_t *at = slot_of_level(1),
          pv_ptep_modify_prot_commit(at, pv_ptep_modify_prot_start(at), objects.entry))
BENCH_NOT(ptep_modify_prot_commit, "counted with ptep_modify_prot_start");

/* Tables and roots. */
BENCH_MMU(announce_table, "ticks with release_table", NOTHING, pv_announce_table(objects.spare, 1);
          pv_release_table(objects.spare, 1))
BENCH_NOT(release_table, "counted with announce_table");
BENCH_MMU(pin_root, "ticks with unpin_root", NOTHING, pv_pin_root(objects.space.root);
          pv_unpin_root(objects.space.root))
BENCH_NOT(unpin_root, "counted with pin_root");
BENCH_MMU(read_cr3, "ticks", NOTHING, pv_read_cr3())
BENCH_MMU(write_cr3, "ticks", pfn_t root = pv_read_cr3(), pv_write_cr3(root))

/* The TLB, and batches. */
BENCH_MMU(flush_tlb_one, "ticks", NOTHING, pv_flush_tlb_one(TEST_VA))
BENCH_MMU(flush_tlb_user, "ticks", NOTHING, pv_flush_tlb_user())
BENCH_MMU(flush_tlb_kernel, "ticks", NOTHING, pv_flush_tlb_kernel())
BENCH_MMU(flush_tlb_others, "ticks for no CPU", NOTHING, pv_flush_tlb_others(0, TEST_VA))
BENCH_MMU(lazy_enter, "ticks with lazy_leave", NOTHING, pv_lazy_enter(); pv_lazy_leave())
BENCH_NOT(lazy_leave, "counted with lazy_enter");
BENCH_MMU(lazy_flush, "ticks with nothing to flush", NOTHING, pv_lazy_flush())
BENCH_MMU(context_switch_start, "ticks with context_switch_end", NOTHING,
          pv_context_switch_end(pv_context_switch_start()))
BENCH_NOT(context_switch_end, "counted with context_switch_start");

/* The rest. */
BENCH_MMU(set_fixmap, "ticks", NOTHING, pv_set_fixmap(FIX_TEST, objects.value))
BENCH_MMU(user_access_begin, "ticks with user_access_end", NOTHING, pv_user_access_begin();
          pv_user_access_end())
BENCH_NOT(user_access_end, "counted with user_access_begin");
BENCH_MMU(balloon_adjust, "ticks for a frame there and back", NOTHING,
          pv_balloon_adjust(objects.spare, 1, true);
          pv_balloon_adjust(objects.spare, 1, false))
BENCH_MMU(make_contiguous, "ticks for 1 frame", NOTHING, pv_make_contiguous(objects.spare, 0, 40))
BENCH_MMU(hypercall_count, "ticks", NOTHING, pv_hypercall_count(&objects.updates))
