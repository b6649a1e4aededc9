/* SPDX-License-Identifier: MIT */
/* Threads of one CPU that change page tables and may be preempted between any two instructions. */
#include "mm/vmap.h"
#include "test/harness/cpus.h"
#include "test/harness/mm_util.h"

/*
 * Two threads take turns on one CPU, switching at any instruction: one activates a space and takes
 * it apart, the other one maps and unmaps in the kernel's half.
 */
#define SPACE_PAGES 512
static bool spaces_done;

static void make_spaces(void *arg)
{
    struct stress stress = {.normal = 40};
    u64 *wrong = arg;

    while (stress_continues(&stress)) {
        struct mm_space s;

        if (mm_space_create(&s)) {
            ++*wrong;
            continue;
        }
        *wrong += mm_populate(&s, USER_VA, SPACE_PAGES, MM_WRITE) != 0;
        *wrong += mm_space_activate(&s) != 0;
        *wrong += mm_space_activate(&mm_kernel) != 0;
        *wrong += mm_space_destroy(&s) != 0;
    }
    WRITE_ONCE(spaces_done, true);
}

static void map_kernel_pages(void *arg)
{
    while (!READ_ONCE(spaces_done)) {
        u64 *p = vmalloc(3 * PAGE_SIZE);

        if (p)
            *p = 1;
        else
            ++*(u64 *)arg;
        vfree(p);
    }
}

SOAK_TEST(mm_smp, threads_of_one_cpu_change_tables_in_turn, unpin_root, pin_root)
{
    const u64 free = frames_free();
    struct thread *threads[2];
    u64 wrong[2] = {0};

    spaces_done = false;
    threads[0] = thread_start("spaces", 0, make_spaces, &wrong[0]);
    threads[1] = thread_start("kernel pages", 0, map_kernel_pages, &wrong[1]);
    for (u32 i = 0; i < ARRAY_SIZE(threads); i++)
        if (EXPECT(threads[i]))
            thread_join(threads[i]);
    EXPECT_EQ(wrong[0], 0);
    EXPECT_EQ(wrong[1], 0);
    EXPECT_EQ(frames_free(), free);
}
