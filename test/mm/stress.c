/* SPDX-License-Identifier: MIT */
/*
 * Stress of page tables that all CPUs change at once: lazy batches in one shared table, and spaces
 * that each CPU creates and destroys.
 */
#include "test/harness/cpus.h"
#include "test/harness/mm_util.h"

enum { PAGES = 8 }; /* of each CPU, in one batch */

/* The pages of all CPUs are in one table, interleaved. */
struct batcher {
    pfn_t frames[2];
    u64 marks[2];
    u64 batches, wrong;
};

static u64 page_of(u32 cpu, u32 i)
{
    return TEST_VA + (i * STRESS_CPUS + cpu) * PAGE_SIZE;
}

/* Map this CPU's pages to one frame and the other in turn, in a lazy section. */
static void change_pages(const struct batcher *b, u32 cpu, u32 round)
{
    INTERRUPTS_OFF
    {
        pv_lazy_enter();
        for (u32 i = 0; i < PAGES; i++) {
            const u64 va = page_of(cpu, i);

            pv_set_pte(&mm_slot(&mm_kernel, va, 1)->pte,
                       pv_make_pte(pte_value(b->frames[(round + i) % 2], PTE_PRESENT | nx_bit())));
            pv_flush_tlb_one(va);
        }
        pv_lazy_leave();
    }
}

static void change_and_read(void *arg)
{
    struct stress stress = {.normal = 500};
    const u32 cpu = pv_this_cpu();
    struct batcher *b = arg;

    while (stress_continues(&stress)) {
        change_pages(b, cpu, stress.done);
        for (u32 i = 0; i < PAGES; i++)
            b->wrong += *(const volatile u64 *)page_of(cpu, i) != b->marks[(stress.done + i) % 2];
        b->batches++;
    }
}

static void fill_batcher(struct batcher *b, u64 mark)
{
    for (u32 i = 0; i < 2; i++) {
        b->marks[i] = mark + i;
        b->frames[i] = marked_frame(b->marks[i]);
        REQUIRE(b->frames[i].n != NO_PFN);
    }
}

SOAK_TEST(mm_smp, lazy_batches_of_all_cpus_change_one_table, lazy_enter, lazy_leave, set_pte)
{
    struct batcher batchers[STRESS_CPUS] = {{.batches = 0}};
    const u64 free = frames_free();
    u64 batches = 0;
    struct workers workers;

    for (u32 cpu = 0; cpu < stress_cpus(); cpu++) {
        fill_batcher(&batchers[cpu], 0x1000 + cpu * 0x10);
        for (u32 i = 0; i < PAGES; i++)
            REQUIRE(mm_map(&mm_kernel, page_of(cpu, i), batchers[cpu].frames[0], 1, 0) == 0);
    }
    workers_start(&workers, 0, stress_cpus(), change_and_read, batchers, sizeof(batchers[0]));
    workers_join(&workers);
    for (u32 cpu = 0; cpu < stress_cpus(); cpu++) {
        EXPECT_EQ(batchers[cpu].wrong, 0);
        batches += batchers[cpu].batches;
        for (u32 i = 0; i < PAGES; i++)
            EXPECT_EQ(mm_unmap(&mm_kernel, page_of(cpu, i), 1), 0);
        for (u32 i = 0; i < 2; i++)
            frame_free(batchers[cpu].frames[i], 0);
    }
    EXPECT_EQ(frames_free(), free);
    print("# %llu batches on %u CPUs\n", (unsigned long long)batches, workers.count);
}

/* A thread that creates spaces: the same address has its own mark in each space. */
struct maker {
    pfn_t frame;
    u64 mark, spaces, wrong;
};

static bool make_space(struct maker *m)
{
    struct mm_space s;
    u64 seen = 0;

    if (mm_space_create(&s))
        return false;
    m->wrong += mm_map(&s, USER_VA, m->frame, 1, 0) != 0;
    m->wrong += mm_populate(&s, USER_VA + PAGE_SIZE, PAGES, MM_WRITE) != 0;
    m->wrong += mm_space_activate(&s) != 0;
    m->wrong += copy_from_user(&seen, USER_VA, sizeof(seen)) != 0 || seen != m->mark;
    m->wrong += copy_to_user(USER_VA + PAGE_SIZE, &seen, sizeof(seen)) != 0;
    m->wrong += mm_space_activate(&mm_kernel) != 0;
    return mm_space_destroy(&s) == 0;
}

static void make_spaces(void *arg)
{
    struct stress stress = {.normal = 200};
    struct maker *m = arg;

    while (stress_continues(&stress)) {
        m->wrong += !make_space(m);
        m->spaces++;
    }
}

SOAK_TEST(mm_smp, every_cpu_creates_and_destroys_spaces, pin_root, unpin_root, write_cr3)
{
    struct maker makers[STRESS_CPUS] = {{.spaces = 0}};
    const u64 free = frames_free();
    u64 spaces = 0;
    struct workers workers;

    for (u32 cpu = 0; cpu < stress_cpus(); cpu++) {
        makers[cpu].mark = 0x2000 + cpu;
        makers[cpu].frame = marked_frame(makers[cpu].mark);
        REQUIRE(makers[cpu].frame.n != NO_PFN);
    }
    workers_start(&workers, 0, stress_cpus(), make_spaces, makers, sizeof(makers[0]));
    workers_join(&workers);
    for (u32 cpu = 0; cpu < stress_cpus(); cpu++) {
        EXPECT_EQ(makers[cpu].wrong, 0);
        spaces += makers[cpu].spaces;
        frame_free(makers[cpu].frame, 0);
    }
    EXPECT_EQ(frames_free(), free);
    print("# %llu spaces on %u CPUs\n", (unsigned long long)spaces, workers.count);
}
