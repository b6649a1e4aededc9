/* SPDX-License-Identifier: MIT */
/*
 * Page-table ops one by one: conversion of values and entries, changes of announced tables, the
 * TLB, lazy mode. Each change is checked by an access, not only by reading the table. Whole tables
 * and roots: test/ops/mmu_root.c.
 */
#include "pv/xen/pv/addr.h"
#include "test/harness/cpus.h"
#include "test/harness/mm_util.h"

TEST(mmu, frames_and_machine_frames_are_one_to_one, pfn_to_mfn, mfn_to_pfn)
{
    const pfn_t a = marked_frame(1), b = marked_frame(2);

    REQUIRE(a.n != NO_PFN && b.n != NO_PFN);
    EXPECT(pv_pfn_to_mfn(a).n != pv_pfn_to_mfn(b).n);
    EXPECT_EQ(pv_mfn_to_pfn(pv_pfn_to_mfn(a)).n, a.n);
    EXPECT_EQ(pv_mfn_to_pfn(pv_pfn_to_mfn(b)).n, b.n);
    if (pv_make_pte(pte_value(PFN(1ull << 39), PTE_PRESENT)).raw == 0)
        EXPECT_EQ(pv_pfn_to_mfn(PFN(1ull << 39)).n, MFN_INVALID.n);
    frame_free(a, 0);
    frame_free(b, 0);
}

TEST(mmu, values_survive_conversion_to_entries_and_back, make_pte, pte_val, make_pmd, pmd_val,
     make_pud, pud_val, make_pgd, pgd_val)
{
    static const u64 flags[] = {
        PTE_PRESENT,
        PTE_PRESENT | PTE_WRITE | PTE_ACCESSED,
        PTE_PRESENT | PTE_USER | PTE_DIRTY | PTE_WRITE,
        PTE_PRESENT | PTE_NX | PTE_USER,
    };
    const pfn_t pfn = marked_frame(1);

    REQUIRE(pfn.n != NO_PFN);
    for (u32 i = 0; i < ARRAY_SIZE(flags); i++) {
        const u64 value = pte_value(pfn, flags[i]);

        const u64 kept = value & ~(PTE_NX ^ nx_bit());

        EXPECT_EQ(pv_pte_val(pv_make_pte(value)), kept);
        EXPECT_EQ(pv_pmd_val(pv_make_pmd(value)), kept);
        EXPECT_EQ(pv_pud_val(pv_make_pud(value)), kept);
        EXPECT_EQ(pv_pgd_val(pv_make_pgd(value)), kept);
        EXPECT_EQ((pv_make_pte(value).raw & PTE_FRAME_MASK) >> PAGE_SHIFT, pv_pfn_to_mfn(pfn).n);
    }
    EXPECT_EQ(pv_make_pte(0).raw, 0);
    EXPECT_EQ(pv_pte_val((pte_t){0}), 0);
    frame_free(pfn, 0);
}

TEST(mmu, foreign_frames_keep_their_machine_number, make_pte, pte_val)
{
    const u64 value = 0xfee00000 | PTE_PRESENT | PTE_WRITE | PTE_FOREIGN | nx_bit();

    EXPECT_EQ(pv_make_pte(value).raw & PTE_FRAME_MASK, 0xfee00000);
    EXPECT_EQ(pv_pte_val(pv_make_pte(value)), value);
}

/* Xen's M2P has a number for a frame of any domain's. */
TEST(mmu, frame_that_the_p2m_does_not_have_is_foreign, mfn_to_pfn, pte_val)
{
    pfn_t ours, other, found;
    mfn_t mfn;
    u64 value;

    if (!on_xen_pv())
        SKIP("a frame has one number here");
    ours = marked_frame(1);
    other = marked_frame(2);
    REQUIRE(ours.n != NO_PFN && other.n != NO_PFN);
    mfn = pv_pfn_to_mfn(ours);
    xen_pv_p2m[ours.n] = pv_pfn_to_mfn(other).n;
    found = pv_mfn_to_pfn(mfn);
    value = pv_pte_val((pte_t){mfn.n << PAGE_SHIFT | PTE_PRESENT});
    xen_pv_p2m[ours.n] = mfn.n;
    EXPECT_EQ(found.n, PFN_INVALID.n);
    EXPECT_EQ(value, mfn.n << PAGE_SHIFT | PTE_PRESENT | PTE_FOREIGN);
    frame_free(ours, 0);
    frame_free(other, 0);
}

TEST(mmu, leaves_above_level_1_only_where_traits_allow_them, make_pmd, make_pud)
{
    const u64 value = pte_value(PFN(0x40000), PTE_PRESENT | PTE_PSE);
    const pfn_t pfn = frame_alloc(9, 0, FRAME_KERNEL);

    EXPECT(mm_traits.leaf_levels >> 1 & 1);
    if (!(mm_traits.leaf_levels >> 2 & 1))
        EXPECT_EQ(pv_make_pmd(value).raw, 0);
    if (!(mm_traits.leaf_levels >> 3 & 1))
        EXPECT_EQ(pv_make_pud(value).raw, 0);
    REQUIRE(pfn.n != NO_PFN);
    if (mm_traits.leaf_levels >> 2 & 1)
        EXPECT_EQ(pv_pmd_val(pv_make_pmd(pte_value(pfn, PTE_PRESENT | PTE_PSE))),
                  pte_value(pfn, PTE_PRESENT | PTE_PSE));
    frame_free(pfn, 9);
}

/* A page at TEST_VA that maps the first of two frames, and its entry. */
static struct {
    pfn_t first, second;
    pte_t *slot;
} two;

static bool two_frames_begin(u32 prot)
{
    two.first = marked_frame(0x1111);
    two.second = marked_frame(0x2222);
    if (!EXPECT(two.first.n != NO_PFN && two.second.n != NO_PFN) ||
        !EXPECT_EQ(mm_map(&mm_kernel, TEST_VA, two.first, 1, prot), 0))
        return false;
    two.slot = &mm_slot(&mm_kernel, TEST_VA, 1)->pte;
    return EXPECT(two.slot);
}

static void two_frames_end(void)
{
    EXPECT_EQ(mm_unmap(&mm_kernel, TEST_VA, 1), 0);
    frame_free(two.first, 0);
    frame_free(two.second, 0);
}

static u64 read_test_va(void)
{
    struct fault f = {0};
    u64 value;

    return try_read(TEST_VA, &value, &f) ? value : 0xdead;
}

static u64 second_entry(u64 flags)
{
    return pte_value(two.second, PTE_PRESENT | PTE_NX | flags);
}

TEST(mmu, set_pte_and_flush_tlb_one_change_what_is_read, set_pte, flush_tlb_one)
{
    REQUIRE(two_frames_begin(MM_WRITE));
    EXPECT_EQ(read_test_va(), 0x1111);
    INTERRUPTS_OFF
    {
        pv_set_pte(two.slot, pv_make_pte(second_entry(0)));
        pv_flush_tlb_one(TEST_VA + 8);
    }
    EXPECT_EQ(read_test_va(), 0x2222);
    EXPECT_EQ(value_pfn(pv_pte_val(*two.slot)).n, two.second.n);
    two_frames_end();
}

/* The entry is not global, so flush_tlb_user must suffice. */
TEST(mmu, flush_tlb_user_flushes_pages_that_are_not_global, flush_tlb_user)
{
    REQUIRE(two_frames_begin(0));
    INTERRUPTS_OFF
    {
        pv_set_pte(two.slot, pv_make_pte(pte_value(two.first, PTE_PRESENT | PTE_NX)));
        pv_flush_tlb_kernel();
        EXPECT_EQ(read_test_va(), 0x1111);
        pv_set_pte(two.slot, pv_make_pte(second_entry(0)));
        pv_flush_tlb_user();
        EXPECT_EQ(read_test_va(), 0x2222);
    }
    two_frames_end();
}

TEST(mmu, flush_tlb_kernel_flushes_global_pages_too, flush_tlb_kernel)
{
    REQUIRE(two_frames_begin(0));
    INTERRUPTS_OFF
    {
        pv_set_pte(two.slot, pv_make_pte(pte_value(two.first, PTE_PRESENT | PTE_NX | PTE_GLOBAL)));
        pv_flush_tlb_kernel();
        EXPECT_EQ(read_test_va(), 0x1111);
        pv_set_pte(two.slot, pv_make_pte(second_entry(PTE_GLOBAL)));
        pv_flush_tlb_kernel();
        EXPECT_EQ(read_test_va(), 0x2222);
    }
    two_frames_end();
}

TEST(mmu, flush_tlb_others_reports_missing_cpus, flush_tlb_others)
{
    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_flush_tlb_others(0, ~0ull), 0);
        EXPECT_EQ(pv_flush_tlb_others(1ull << 63, TEST_VA), -ENODEV);
        EXPECT_EQ(pv_flush_tlb_others(1ull << 63, ~0ull), -ENODEV);
        EXPECT_EQ(pv_flush_tlb_others(online_cpus() | 1ull << 63, ~0ull), -ENODEV);
    }
}

TEST(mmu, ranges_of_entries_are_set_and_cleared, set_ptes, clear_ptes, init_ptes)
{
    const u32 count = 24;
    const pfn_t run = frame_alloc(5, 0, FRAME_KERNEL);
    struct fault f = {0};
    pte_t *slot;
    u64 value;

    REQUIRE(run.n != NO_PFN);
    for (u32 i = 0; i < 32; i++)
        *(u64 *)pfn_to_va(PFN(run.n + i)) = 100 + i;
    /* The table is new, so mm_map uses init_ptes. */
    REQUIRE(mm_map(&mm_kernel, TEST_VA, run, count, MM_WRITE) == 0);
    for (u32 i = 0; i < count; i++)
        EXPECT(try_read(TEST_VA + i * PAGE_SIZE, &value, &f) && value == 100 + i);
    slot = &mm_slot(&mm_kernel, TEST_VA, 1)->pte;
    INTERRUPTS_OFF
    {
        pv_clear_ptes(slot + 3, 17);
        pv_flush_tlb_kernel();
        for (u32 i = 0; i < count; i++)
            EXPECT_EQ(try_read(TEST_VA + i * PAGE_SIZE, &value, &f), i < 3 || i >= 20);
        EXPECT_EQ(f.vector, VECTOR_PF);
        pv_set_ptes(slot + 3, pte_value(PFN(run.n + 11), PTE_PRESENT | PTE_NX), 17);
        for (u32 i = 3; i < 20; i++)
            EXPECT(try_read(TEST_VA + i * PAGE_SIZE, &value, &f) && value == 100 + 8 + i);
        EXPECT(try_read(TEST_VA + 20 * PAGE_SIZE, &value, &f) && value == 120);
    }
    EXPECT_EQ(mm_unmap(&mm_kernel, TEST_VA, count), 0);
    frame_free(run, 5);
}

/* The accessed and dirty bits that the hardware sets, which no op may lose. */
TEST(mmu, hardware_sets_accessed_and_dirty, set_pte)
{
    REQUIRE(two_frames_begin(MM_WRITE));
    EXPECT_EQ(pv_pte_val(*two.slot) & (PTE_ACCESSED | PTE_DIRTY), 0);
    EXPECT_EQ(read_test_va(), 0x1111);
    EXPECT_EQ(pv_pte_val(*two.slot) & (PTE_ACCESSED | PTE_DIRTY), PTE_ACCESSED);
    *(volatile u64 *)TEST_VA = 3;
    EXPECT_EQ(pv_pte_val(*two.slot) & (PTE_ACCESSED | PTE_DIRTY), PTE_ACCESSED | PTE_DIRTY);
    two_frames_end();
}

TEST(mmu, get_and_clear_returns_accessed_and_dirty, ptep_get_and_clear)
{
    const u64 mask = PTE_FRAME_MASK | PTE_ACCESSED | PTE_DIRTY | PTE_PRESENT | PTE_WRITE;
    pte_t old;

    REQUIRE(two_frames_begin(MM_WRITE));
    *(volatile u64 *)TEST_VA = 0x3333;
    INTERRUPTS_OFF
    {
        old = pv_ptep_get_and_clear(two.slot);
        pv_flush_tlb_one(TEST_VA);
        EXPECT_EQ(two.slot->raw, 0);
        EXPECT_EQ(pv_pte_val(old) & mask, pte_value(two.first, mask & PTE_FLAGS_MASK));
        EXPECT_EQ(read_test_va(), 0xdead);
        pv_set_pte(two.slot, pv_make_pte(second_entry(0)));
        EXPECT_EQ(value_pfn(pv_pte_val(pv_ptep_get_and_clear(two.slot))).n, two.second.n);
        pv_set_pte(two.slot, old);
        EXPECT_EQ(read_test_va(), 0x3333);
    }
    two_frames_end();
}

TEST(mmu, modify_protection_keeps_accessed_and_dirty, ptep_modify_prot_start,
     ptep_modify_prot_commit)
{
    struct fault f = {0};
    pte_t old;

    REQUIRE(two_frames_begin(MM_WRITE));
    *(volatile u64 *)TEST_VA = 0x3333;
    INTERRUPTS_OFF
    {
        old = pv_ptep_modify_prot_start(two.slot);
        EXPECT_EQ(pv_pte_val(old) & (PTE_FRAME_MASK | PTE_PRESENT | PTE_WRITE),
                  pte_value(two.first, PTE_PRESENT | PTE_WRITE));
        pv_ptep_modify_prot_commit(two.slot, old,
                                   pv_make_pte(pte_value(two.first, PTE_PRESENT | PTE_NX)));
        pv_flush_tlb_one(TEST_VA);
    }
    EXPECT_EQ(pv_pte_val(*two.slot) & (PTE_ACCESSED | PTE_DIRTY | PTE_WRITE),
              PTE_ACCESSED | PTE_DIRTY);
    EXPECT_EQ(read_test_va(), 0x3333);
    EXPECT(!try_write(TEST_VA, 1, &f));
    EXPECT_EQ(f.vector, VECTOR_PF);
    EXPECT_EQ(f.error & 3, 3);
    EXPECT_EQ(f.address, TEST_VA);
    two_frames_end();
}

/*
 * Whether the backend delays changes or not: after lazy_flush all have taken effect in order, and
 * leaving the inner section does not end the outer one.
 */
TEST(mmu, lazy_changes_take_effect_at_flush_and_leave, lazy_enter, lazy_leave, lazy_flush)
{
    REQUIRE(two_frames_begin(0));
    EXPECT_EQ(read_test_va(), 0x1111);
    INTERRUPTS_OFF
    {
        pv_lazy_enter();
        pv_lazy_enter();
        pv_set_pte(two.slot, pv_make_pte(pte_value(two.first, PTE_PRESENT)));
        pv_set_pte(two.slot, pv_make_pte(second_entry(0)));
        pv_flush_tlb_one(TEST_VA);
        pv_lazy_leave();
        pv_lazy_flush();
        EXPECT_EQ(read_test_va(), 0x2222);
        pv_set_pte(two.slot, pv_make_pte(pte_value(two.first, PTE_PRESENT)));
        pv_flush_tlb_one(TEST_VA);
        pv_lazy_leave();
        EXPECT_EQ(read_test_va(), 0x1111);
        pv_set_pte(two.slot, pv_make_pte(second_entry(0)));
        pv_flush_tlb_one(TEST_VA);
        EXPECT_EQ(read_test_va(), 0x2222);
    }
    two_frames_end();
}

TEST(mmu, context_switch_suspends_lazy_mode, context_switch_start, context_switch_end)
{
    u32 depth;

    REQUIRE(two_frames_begin(0));
    EXPECT_EQ(read_test_va(), 0x1111);
    INTERRUPTS_OFF
    {
        pv_lazy_enter();
        pv_set_pte(two.slot, pv_make_pte(second_entry(0)));
        pv_flush_tlb_one(TEST_VA);
        depth = pv_context_switch_start(); /* flushes */
        EXPECT_EQ(read_test_va(), 0x2222);
        pv_context_switch_end(0); /* a new thread is not in a lazy section */
        pv_set_pte(two.slot, pv_make_pte(pte_value(two.first, PTE_PRESENT)));
        pv_flush_tlb_one(TEST_VA);
        EXPECT_EQ(read_test_va(), 0x1111);
        EXPECT_EQ(pv_context_switch_start(), 0);
        pv_context_switch_end(
            depth); /* the first thread: in a section of the same depth as before */
        EXPECT_EQ(pv_context_switch_start(), depth);
        pv_context_switch_end(depth);
        pv_lazy_leave();
    }
    two_frames_end();
}

static void use_fixmap(enum pv_fixmap index)
{
    const u64 va = (u64)fixmap_va(index);
    struct fault f = {0};
    u64 value;

    EXPECT(!try_read(va, &value, &f));
    INTERRUPTS_OFF
    {
        pv_set_fixmap(index, pte_value(two.first, PTE_PRESENT | PTE_NX | PTE_WRITE));
        EXPECT(try_read(va, &value, &f) && value == 0x1111);
        pv_set_fixmap(index, second_entry(0));
        EXPECT(try_read(va, &value, &f) && value == 0x2222);
        EXPECT(!try_write(va, 1, &f));
        pv_set_fixmap(index, 0);
        EXPECT(!try_read(va, &value, &f));
    }
    EXPECT_EQ(f.vector, VECTOR_PF);
}

TEST(mmu, fixmap_maps_the_given_frame, set_fixmap)
{
    REQUIRE(two_frames_begin(0));
    use_fixmap(FIX_TEST);
    use_fixmap(FIX_COUNT - 1);
    two_frames_end();
}

/*
 * Without a hypervisor the count stays 0; on Xen printing a line takes at least one hypercall. On
 * Hyper-V it takes none: test/ops/hyperv.c compares the count there.
 */
TEST(mmu, hypercalls_are_counted, hypercall_count)
{
    u64 updates = ~0ull, before = pv_hypercall_count(&updates), after;

    print("# %llu hypercalls so far, %llu entries changed by them\n", (unsigned long long)before,
          (unsigned long long)updates);
    after = pv_hypercall_count(&updates);
    if (on_hyperv()) {
        EXPECT_EQ(updates, 0);
        EXPECT(after >= before);
        return;
    }
    EXPECT_EQ(before > 0, !on_bare_metal());
    EXPECT(before ? updates < ~0ull : !updates);
    EXPECT_EQ(after > before, before > 0); /* the line above took a hypercall */
}

/* One frame in each GiB: where the memory map has a hole, some of them are not RAM. */
TEST(mmu, machine_frames_of_others_have_no_frame_of_ours, mfn_to_pfn, pte_val)
{
    for (u64 gib = 0; gib < 64; gib++) {
        const u64 mfn = (gib << 18) + 0x10000;
        const pfn_t pfn = pv_mfn_to_pfn(MFN(mfn));
        const u64 value = pv_pte_val((pte_t){mfn << PAGE_SHIFT | PTE_PRESENT});

        EXPECT(pfn.n == PFN_INVALID.n || pv_pfn_to_mfn(pfn).n == mfn);
        EXPECT_EQ(value_pfn(value).n, pfn.n == PFN_INVALID.n ? mfn : pfn.n);
        EXPECT(pfn.n != PFN_INVALID.n || value & PTE_FOREIGN);
    }
}
