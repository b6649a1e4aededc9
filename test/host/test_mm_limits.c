/* SPDX-License-Identifier: MIT */
/* Frames, heap and mappings on the machine of fake_mmu.h: requests at a limit, and refusals. */
#include "harness.h"
#include "mm_steps.h"

static void test_boot_frames_are_released(void)
{
    static struct frame table[FRAME_SECTION];
    static const struct frame_range all = {.start = 16, .end = FAKE_FRAMES},
                                    unused = {.start = 32, .end = FAKE_FRAMES};
    u64 total, free;

    fake_reset();
    frame_tables_clear();
    frame_tables_add(0, 1, table);
    frame_init(FAKE_FRAMES, &all, 1, &unused, 1);
    total = frames_total();
    free = frames_free();
    frame_release_boot(PFN(20), 4);
    CHECK_EQ(frames_total(), total + 4);
    CHECK_EQ(frames_free(), free + 4);
}

/* Absent frames are not usable before the balloon takes them, in order; then they are free memory.
 */
static void test_absent_frames_are_taken(void)
{
    enum { PRESENT = 2000, TAKEN = 100, ABSENT = FAKE_FRAMES - PRESENT };
    static struct frame table[FRAME_SECTION];
    static struct frame_range ram[] = {{16, PRESENT, false}, {PRESENT, FAKE_FRAMES, true}};
    static const struct frame_range unused = {.start = 32, .end = PRESENT};
    u64 total, pages;

    fake_reset();
    frame_tables_clear();
    frame_tables_add(0, 1, table);
    pages = mm_balloon_pages();
    frame_init(FAKE_FRAMES, ram, 2, &unused, 1);
    mm_balloon_init(ram, 2);
    CHECK_EQ(mm_balloon_pages(), pages - ABSENT);
    CHECK_EQ(frame_open(PFN(PRESENT))->state, FRAME_BALLOON);
    CHECK(!frames_open_mappable(PFN(PRESENT), 1));
    total = frames_total();
    fake_balloon_most = 10;
    CHECK_EQ(mm_balloon_take(TAKEN), TAKEN);
    CHECK_EQ(mm_balloon_pages(), pages - ABSENT + TAKEN);
    CHECK_EQ(frames_total(), total + TAKEN);
    CHECK_EQ(frames_free(), total + TAKEN);
    CHECK_EQ(frame_get(PFN(PRESENT + TAKEN - 1))->state, FRAME_FREE);
    CHECK_EQ(frame_get(PFN(PRESENT + TAKEN))->state, FRAME_BALLOON);
    fake_balloon_most = 0;
    CHECK_EQ(mm_balloon_take(1), 0);
    fake_balloon_most = FAKE_FRAMES;
    CHECK_EQ((u64)mm_balloon_take(FAKE_FRAMES), ABSENT - TAKEN);
    CHECK_EQ(mm_balloon_take(1), 0);
    CHECK_EQ(mm_balloon_pages(), pages);
    CHECK_EQ(mm_balloon_give(3), 3); /* and what was taken can be given like all other frames */
    CHECK_EQ(mm_balloon_take(9), 3);
}

static void test_refused_contiguous_block_is_free_again(void)
{
    u64 free;

    fake_reset();
    free = frames_free();
    fake_refuses_contiguous = true;
    CHECK_EQ(frame_alloc_contiguous(2, 32).n, PFN_INVALID.n);
    CHECK_EQ(frames_free(), free);
    fake_refuses_contiguous = false;
    CHECK(frame_alloc_contiguous(2, 32).n != PFN_INVALID.n);
}

/* A frame that is freed while frame_debug is off may be written to, whatever it was before. */
static void test_poison_ends_with_debug_mode(void)
{
    pfn_t pfn;

    fake_reset();
    frame_debug = true;
    frame_free(frame_alloc(0, 0, FRAME_KERNEL), 0);
    pfn = frame_alloc(0, 0, FRAME_KERNEL);
    frame_debug = false;
    memset(pfn_to_va(pfn), 1, PAGE_SIZE);
    frame_free(pfn, 0);
    frame_debug = true;
    while (frames_free())
        CHECK(frame_alloc(0, 0, FRAME_KERNEL).n != PFN_INVALID.n);
    frame_debug = false;
}

static void test_kzalloc_clears_all(void)
{
    const u64 sizes[] = {16, 200, 2 * PAGE_SIZE};

    fake_reset();
    for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
        u8 *p = kmalloc(sizes[i]);

        memset(p, 0xff, sizes[i]);
        kfree(p);
        p = kzalloc(sizes[i]);
        for (u64 at = 0; at < sizes[i]; at++)
            CHECK_EQ(p[at], 0);
        kfree(p);
    }
}

/* Addresses and lengths that a mapping cannot have, each with the rest as it should be. */
static void test_bad_ranges(void)
{
    const u64 va = VMAP_BASE + GIB(1);
    pfn_t block;

    fake_reset();
    block = frame_alloc(9, 0, FRAME_KERNEL);
    CHECK_EQ(mm_map_large(&mm_kernel, va + PAGE_SIZE, block, 2, MM_WRITE), -EINVAL);
    CHECK_EQ(mm_map_large(&mm_kernel, va, PFN(block.n + 1), 2, MM_WRITE), -EINVAL);
    CHECK_EQ(mm_map_large(&mm_kernel, va, block, 1, MM_WRITE), -EOPNOTSUPP);
    CHECK_EQ(mm_map_device(&mm_kernel, va, BOOT_PA_MAX - PAGE_SIZE, 2), -EINVAL);
    CHECK_EQ(mm_map_device(&mm_kernel, va, BOOT_PA_MAX + PAGE_SIZE, 1), -EINVAL);
    CHECK_EQ(mm_map_device(&mm_kernel, va, 5, 1), -EINVAL);
    CHECK_EQ(mm_map_device(&mm_kernel, va, BOOT_PA_MAX - PAGE_SIZE, 1), 0);
}

/* A device's frames have no struct frame; those of RAM's numbers are not the space's to free. */
static void test_device_is_not_freed_with_its_space(void)
{
    pfn_t pfn;

    steps_begin();
    pfn = frame_alloc(0, 0, FRAME_USER);
    CHECK_EQ(mm_map_device(&step_space, STEP_VA, pfn.n << PAGE_SHIFT, 1), 0);
    CHECK_EQ(mm_map_device(&step_space, STEP_VA + PAGE_SIZE, GIB(3), 1), 0);
    CHECK_EQ(mm_space_destroy(&step_space), 0);
    CHECK_EQ(frame_get(pfn)->state, FRAME_USER);
}

/* A suspend comes at each preemption point of a space's end, and changes the tables' entries. */
static void test_space_is_destroyed_across_a_suspend(void)
{
    u32 at = 0, left;

    do {
        steps_begin();
        frame_free(step_frames, STEP_ORDER);
        CHECK_EQ(mm_populate(&step_space, STEP_VA, STEP_PAGES, MM_WRITE), 0);
        CHECK_EQ(mm_space_activate(&step_space), 0);
        CHECK_EQ(mm_space_activate(&mm_kernel), 0);
        fake_suspend_at = ++at;
        CHECK_EQ(mm_space_destroy(&step_space), 0);
        left = fake_suspend_at;
        fake_suspend_at = 0;
        CHECK_EQ(frames_free(), step_free);
        fake_check();
    } while (!left);
    CHECK(at > 64);
}

int main(void)
{
    RUN(test_boot_frames_are_released);
    RUN(test_absent_frames_are_taken);
    RUN(test_refused_contiguous_block_is_free_again);
    RUN(test_poison_ends_with_debug_mode);
    RUN(test_kzalloc_clears_all);
    RUN(test_bad_ranges);
    RUN(test_device_is_not_freed_with_its_space);
    RUN(test_space_is_destroyed_across_a_suspend);
    return finish("mm_limits");
}
