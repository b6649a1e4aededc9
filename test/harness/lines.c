/* SPDX-License-Identifier: MIT */
/* Lines, rounds and waiting: see test/harness/lines.h. */
#include "test/harness/lines.h"

#define STRESS_LIMIT_NS (NS_PER_S / 2)
#define LONG_ROUNDS \
    1000 /* a test of at most so many rounds has long ones: read the clock in each */

static void count_interrupt(void *data)
{
    struct test_line *line = data;

    line->hits++;
    line->intrusions += READ_ONCE(line->closed);
    if (line->during)
        line->during(line);
}

bool test_line_open(struct test_line *line)
{
    const int bound = pv_irq_bind(PV_IRQ_SOFT, 0);

    if (!EXPECT(bound >= 0))
        return false;
    line->line = (u32)bound;
    return EXPECT_EQ(irq_request(line->line, count_interrupt, line), 0);
}

void test_line_close(struct test_line *line)
{
    EXPECT_EQ(irq_release(line->line), 0);
    EXPECT_EQ(pv_irq_unbind(line->line), 0);
}

bool test_line_hits(const struct test_line *line, u32 wanted)
{
    SPIN_UNTIL(READ_ONCE(line->hits) >= wanted);
    return READ_ONCE(line->hits) == wanted;
}

static void ignore_timer(struct timer *timer)
{
    (void)timer;
}

/*
 * A timer whose deadline has passed is first in the list: it fires at once, and the kernel arms the
 * platform's timer for the next one.
 */
void kernel_timers_rearm(void)
{
    struct timer late = {0};

    timer_start(&late, 0, ignore_timer);
}

void spin(u64 ns)
{
    const u64 end = pv_clock_ns() + ns;

    while (pv_clock_ns() < end)
        barrier();
}

bool sleep_until_timer_interrupt(u64 before)
{
    for (u64 ns = NS_PER_MS; READ_ONCE(irq_counts.timers) == before && ns < 20 * NS_PER_S; ns *= 2)
        sleep_until(pv_clock_ns() + ns);
    return READ_ONCE(irq_counts.timers) > before;
}

/* A reading of the clock, which is between these readings of the TSC. */
struct clock_reading {
    u64 tsc_before, ns, tsc_after;
};

static struct clock_reading read_clock(void)
{
    struct clock_reading r;

    r.tsc_before = pv_read_tsc();
    r.ns = pv_clock_ns();
    r.tsc_after = pv_read_tsc();
    return r;
}

bool clock_interval_measure(void (*pass)(u64 ns), struct clock_interval *found)
{
    for (u64 ns = 5 * NS_PER_MS; ns < 20 * NS_PER_S; ns *= 2) {
        const struct clock_reading begin = read_clock();
        struct clock_reading end;
        u64 least, most;

        pass(ns);
        end = read_clock();
        least = end.tsc_before - begin.tsc_after;
        most = end.tsc_after - begin.tsc_before;
        *found = (struct clock_interval){end.ns - begin.ns, least + (most - least) / 2};
        if (most - least <= least / 100)
            return true;
    }
    return false;
}

void sleep_ns(u64 ns)
{
    sleep_until(pv_clock_ns() + ns);
}

bool stress_continues(struct stress *stress)
{
    const u64 limit = soak_share_ns ? soak_share_ns : STRESS_LIMIT_NS;

    if (!stress->end)
        stress->end = pv_clock_ns() + limit;
    if (stress->normal <= LONG_ROUNDS || stress->done % 64 == 63)
        stress->late = pv_clock_ns() > stress->end;
    if (stress->late || (!soak_share_ns && stress->done >= stress->normal))
        return false;
    stress->done++;
    return true;
}
