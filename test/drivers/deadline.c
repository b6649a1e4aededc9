/* SPDX-License-Identifier: MIT */
/* Limits of waits for other domains (drivers/deadline.h). */
#include "drivers/deadline.h"
#include "test/harness/test.h"

static struct wait_queue queue = {.lock = SPINLOCK("test of deadlines")};

static void wait_until_passed(struct deadline *d)
{
    u64 flags = spin_lock_irqsave(&queue.lock);

    while (!d->passed)
        flags = wait_on(&queue, flags);
    spin_unlock_irqrestore(&queue.lock, flags);
}

/* A CPU with interrupts disabled is like a machine that is suspended: no timer fires. */
static void pass_time_without_timers(u64 ns)
{
    const u64 end = pv_clock_ns() + ns;

    INTERRUPTS_OFF
    while (pv_clock_ns() < end)
        __builtin_ia32_pause();
}

TEST(drivers, deadline_does_not_count_the_time_of_a_suspend)
{
    struct deadline d;
    u64 resumed;

    deadline_start(&d, &queue, 350 * NS_PER_MS);
    pass_time_without_timers(450 * NS_PER_MS);
    resumed = pv_clock_ns();
    wait_until_passed(&d);
    EXPECT(pv_clock_ns() - resumed >= 200 * NS_PER_MS);
    deadline_stop(&d);
}

TEST(drivers, deadline_of_a_plain_wait_is_one_timer)
{
    struct deadline d;

    deadline_start_plain(&d, &queue, 350 * NS_PER_MS);
    EXPECT_EQ(d.left, 0);
    wait_until_passed(&d);
    deadline_stop(&d);
    EXPECT(d.passed);
}

TEST(drivers, deadline_that_is_stopped_does_not_pass)
{
    struct deadline d;

    for (u32 i = 0; i < 3; i++) {
        deadline_start(&d, &queue, i * 150 * NS_PER_MS + NS_PER_S);
        pass_time_without_timers(i * 80 * NS_PER_MS);
        deadline_stop(&d);
        EXPECT(!d.passed);
    }
}
