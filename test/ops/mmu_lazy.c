/* SPDX-License-Identifier: MIT */
/*
 * Lazy sections: every op keeps its contract there too. The backend may queue changes in a section;
 * an op that reads an entry, or that depends on earlier changes, must apply them first.
 */
#include "test/harness/cpus.h"
#include "test/harness/mm_util.h"

enum { PAGES = 4 };

/* Pages at TEST_VA that map these frames, and their entries. */
static struct {
    pfn_t old[PAGES], new[PAGES];
    pte_t *slots;
} pages;

static u64 leaf_flags(void)
{
    return PTE_PRESENT | PTE_WRITE | nx_bit();
}

static pte_t new_entry(u32 i)
{
    return pv_make_pte(pte_value(pages.new[i], leaf_flags()));
}

static u64 mark_at(u32 i)
{
    return *(volatile u64 *)(TEST_VA + i * PAGE_SIZE);
}

static bool pages_begin(void)
{
    for (u32 i = 0; i < PAGES; i++) {
        pages.old[i] = marked_frame(10 + i);
        pages.new[i] = marked_frame(20 + i);
        if (!EXPECT(pages.old[i].n != NO_PFN && pages.new[i].n != NO_PFN) ||
            !EXPECT_EQ(mm_map(&mm_kernel, TEST_VA + i * PAGE_SIZE, pages.old[i], 1, MM_WRITE), 0))
            return false;
        EXPECT_EQ(mark_at(i), 10 + i);
    }
    pages.slots = &mm_slot(&mm_kernel, TEST_VA, 1)->pte;
    return true;
}

static void pages_end(void)
{
    for (u32 i = 0; i < PAGES; i++) {
        INTERRUPTS_OFF
        pv_set_pte(&pages.slots[i], pv_make_pte(pte_value(pages.old[i], leaf_flags())));
        EXPECT_EQ(mm_unmap(&mm_kernel, TEST_VA + i * PAGE_SIZE, 1), 0);
        frame_free(pages.old[i], 0);
        frame_free(pages.new[i], 0);
    }
}

/* The returned entry is the queued one, whose accessed and dirty bits no access has set. */
TEST(mmu, queued_entry_is_the_one_that_is_cleared, ptep_get_and_clear, lazy_enter)
{
    pte_t got[PAGES];

    REQUIRE(pages_begin());
    INTERRUPTS_OFF
    {
        pv_lazy_enter();
        for (u32 i = 0; i < PAGES; i++) {
            pv_set_pte(&pages.slots[i], new_entry(i));
            got[i] = pv_ptep_get_and_clear(&pages.slots[i]);
            EXPECT_EQ(READ_ONCE(pages.slots[i].raw), 0);
        }
        pv_lazy_leave();
    }
    for (u32 i = 0; i < PAGES; i++) {
        EXPECT_EQ(value_pfn(pv_pte_val(got[i])).n, pages.new[i].n);
        EXPECT_EQ(pv_pte_val(got[i]) & (PTE_ACCESSED | PTE_DIRTY), 0);
    }
    pages_end();
}

TEST(mmu, dirty_bit_of_a_page_is_read_lazily_too, ptep_get_and_clear, lazy_enter)
{
    pte_t got;

    REQUIRE(pages_begin());
    *(volatile u64 *)TEST_VA = 5;
    INTERRUPTS_OFF
    {
        pv_lazy_enter();
        got = pv_ptep_get_and_clear(&pages.slots[0]);
        pv_lazy_leave();
    }
    EXPECT_EQ(pv_pte_val(got) & (PTE_ACCESSED | PTE_DIRTY), PTE_ACCESSED | PTE_DIRTY);
    pages_end();
}

/* Flush one page, two pages, the same page twice, and pages before and after a flush of all. */
TEST(mmu, every_flush_of_a_section_is_done, flush_tlb_one, flush_tlb_kernel, lazy_leave)
{
    static const int orders[][PAGES] = {
        {0, -1}, {1, 0, -1}, {2, 2, 1, -1}, {3, 0, 3, 1}, {0, 0, -1}};

    for (u32 order = 0; order < ARRAY_SIZE(orders); order++) {
        REQUIRE(pages_begin());
        INTERRUPTS_OFF
        {
            pv_lazy_enter();
            for (u32 i = 0; i < PAGES && orders[order][i] >= 0; i++) {
                const u32 n = (u32)orders[order][i];

                pv_set_pte(&pages.slots[n], new_entry(n));
                pv_flush_tlb_one(TEST_VA + n * PAGE_SIZE + 8 * i);
            }
            pv_lazy_leave();
        }
        for (u32 i = 0; i < PAGES && orders[order][i] >= 0; i++)
            EXPECT_EQ(mark_at((u32)orders[order][i]), 20 + (u32)orders[order][i]);
        pages_end();
    }
}

/* write_cr3 takes effect after all that was delayed, and flushes: the pages show the new frames. */
TEST(mmu, root_is_loaded_after_changes_that_wait, write_cr3, lazy_enter)
{
    REQUIRE(pages_begin());
    INTERRUPTS_OFF
    {
        pv_lazy_enter();
        for (u32 i = 0; i < PAGES; i++)
            pv_set_pte(&pages.slots[i], new_entry(i));
        pv_write_cr3(pv_read_cr3());
        for (u32 i = 0; i < PAGES; i++)
            EXPECT_EQ(value_pfn(pv_pte_val(pages.slots[i])).n, pages.new[i].n);
        pv_flush_tlb_kernel();
        pv_lazy_leave();
    }
    for (u32 i = 0; i < PAGES; i++)
        EXPECT_EQ(mark_at(i), 20 + i);
    pages_end();
}

/* Page 0 can be mapped and flushed by ops, although mm_map refuses it. */
TEST(mmu, page_0_is_flushed_too, flush_tlb_one)
{
    struct mm_space space;
    struct fault f;
    u64 value = 0;
    pte_t *slot;

    REQUIRE(pages_begin());
    REQUIRE(mm_space_create(&space) == 0);
    pv_irq_disable();
    EXPECT_EQ(mm_map(&space, PAGE_SIZE, pages.old[1], 1, MM_WRITE), 0);
    EXPECT_EQ(mm_space_activate(&space), 0);
    slot = &mm_slot(&space, PAGE_SIZE, 1)->pte - 1;
    pv_set_pte(slot, pv_make_pte(pte_value(pages.old[0], leaf_flags() | PTE_USER)));
    pv_user_access_begin();
    EXPECT(try_read(8, &value, &f) && value == 10);
    pv_set_pte(slot, pv_make_pte(pte_value(pages.new[0], leaf_flags() | PTE_USER)));
    pv_flush_tlb_one(0);
    EXPECT(try_read(8, &value, &f) && value == 20);
    pv_user_access_end();
    EXPECT_EQ(mm_space_activate(&mm_kernel), 0);
    pv_set_pte(slot, pv_make_pte(0));
    pv_flush_tlb_one(0);
    EXPECT_EQ(mm_unmap(&space, PAGE_SIZE, 1), 0);
    pv_irq_enable();
    EXPECT_EQ(mm_space_destroy(&space), 0);
    pages_end();
}

/* ---- Other CPUs ---------------------------------------------------------------------------- */

static u64 seen_there;

static void read_there(void *arg)
{
    seen_there = mark_at((u32)(u64)arg);
}

/*
 * The other CPU has cached the old translation; the section is still open when the flush returns.
 */
TEST(mmu, queued_changes_precede_a_flush_of_others, flush_tlb_others, lazy_enter)
{
    NEEDS_CPUS(2);
    REQUIRE(pages_begin());
    for (u32 i = 0; i < PAGES; i++) {
        EXPECT_EQ(smp_call(1, read_there, (void *)(u64)i), 0);
        EXPECT_EQ(seen_there, 10 + i);
    }
    for (u32 i = 0; i < PAGES; i++) {
        INTERRUPTS_OFF
        {
            pv_lazy_enter();
            pv_set_pte(&pages.slots[i], new_entry(i));
            EXPECT_EQ(pv_flush_tlb_others(1 << 1, i % 2 ? ~0ull : TEST_VA + i * PAGE_SIZE), 0);
        }
        EXPECT_EQ(smp_call(1, read_there, (void *)(u64)i), 0);
        EXPECT_EQ(seen_there, 20 + i);
        INTERRUPTS_OFF
        pv_lazy_leave();
    }
    pages_end();
}

/* ---- Long sections and ranges -------------------------------------------------------------- */

/* More changes than a section can queue: none is lost, and each reaches its own entry. */
TEST(mmu, long_section_loses_no_change, lazy_enter, set_pte)
{
    const u32 counts[] = {511, 512, 513, 1023, 1024, 1025};

    REQUIRE(pages_begin());
    for (u32 round = 0; round < ARRAY_SIZE(counts); round++) {
        INTERRUPTS_OFF
        {
            pv_lazy_enter();
            for (u32 i = 0; i < counts[round]; i++)
                pv_set_pte(&pages.slots[0],
                           pv_make_pte(pte_value(pages.old[i % PAGES], leaf_flags())));
            pv_set_pte(&pages.slots[1], new_entry(1));
            pv_flush_tlb_kernel();
            pv_lazy_leave();
            EXPECT_EQ(mark_at(0), 10 + (counts[round] - 1) % PAGES);
            EXPECT_EQ(mark_at(1), 21);
            pv_set_pte(&pages.slots[1], pv_make_pte(pte_value(pages.old[1], leaf_flags())));
            pv_flush_tlb_one(TEST_VA + PAGE_SIZE);
        }
    }
    pages_end();
}

/* Ranges of every length up to several unrolled iterations, at every offset. */
TEST(mmu, ranges_of_every_length_are_set_and_cleared, set_ptes, clear_ptes, init_ptes)
{
    const pfn_t run = frame_alloc(4, 0, FRAME_KERNEL);
    pte_t *slot;

    REQUIRE(run.n != NO_PFN);
    REQUIRE(mm_map(&mm_kernel, TEST_VA, run, 16, MM_WRITE) == 0);
    slot = &mm_slot(&mm_kernel, TEST_VA, 1)->pte;
    for (u32 first = 0; first < 4; first++)
        for (u32 count = 1; first + count <= 16; count++) {
            INTERRUPTS_OFF
            {
                pv_clear_ptes(slot, 16);
                pv_set_ptes(slot + first, pte_value(run, leaf_flags()), count);
            }
            for (u32 i = 0; i < 16; i++) {
                const u64 value = pv_pte_val(slot[i]);

                if (i < first || i >= first + count)
                    EXPECT_EQ(value, 0);
                else
                    EXPECT_EQ(value_pfn(value).n, run.n + i - first);
            }
        }
    INTERRUPTS_OFF
    {
        pv_set_ptes(slot, pte_value(run, leaf_flags()), 16);
        pv_flush_tlb_kernel();
    }
    EXPECT_EQ(mm_unmap(&mm_kernel, TEST_VA, 16), 0);
    frame_free(run, 4);
}
