/* SPDX-License-Identifier: MIT */
/* Deadlines in TSC ticks are right for every uptime of the machine. */
#include "harness.h"

#include "lib/scale.h"

#define NS_PER_DAY 86400000000000ull

/*
 * Do what clock.c and the kernel's timers do: arm the timer, read the clock when it fires, arm
 * again.
 */
static u32 times_armed(u64 khz, u64 uptime_ns, u64 ns)
{
    const u64 tsc_to_ns = scale32_factor(khz, 1000000), ns_to_tsc = scale32_factor(1000000, khz);
    u64 tsc = scale32(uptime_ns, ns_to_tsc), now = scale32(tsc, tsc_to_ns);
    const u64 deadline = now + ns;
    u32 armed = 0;

    for (; now < deadline && armed < 1000; armed++) {
        tsc = ticks_after(tsc, deadline - now, ns_to_tsc);
        now = scale32(tsc, tsc_to_ns);
    }
    CHECK(now >= deadline);
    CHECK(now - deadline <= 1000 + ns / 20000000);
    return armed;
}

static void deadlines_come_once_at_any_uptime(void)
{
    static const u64 khz[] = {10000, 999999, 1000000, 2596124, 3579545, 4999999};
    static const u64 days[] = {0, 1, 30, 365, 3650};

    for (u32 i = 0; i < sizeof(khz) / sizeof(khz[0]); i++)
        for (u32 j = 0; j < sizeof(days) / sizeof(days[0]); j++)
            for (u64 ns = 1; ns <= 1ull << 40; ns = ns * 3 + 1)
                CHECK_EQ(times_armed(khz[i], days[j] * NS_PER_DAY + 12345, ns), 1);
}

/* A factor that is rounded up would make a deadline's conversion and back gain time. */
static void factors_are_rounded_down(void)
{
    CHECK_EQ(scale32_factor(3, 1), 0x55555555);
    CHECK_EQ(scale32_factor(2596124, 1000000), (1000000ull << 32) / 2596124);
    CHECK_EQ(scale32_factor(1, 1), 1ull << 32);
}

/* Two callers that both saw 0 agree on a value. */
static void first_value_stays(void)
{
    u64 first = 0;

    CHECK_EQ(first_value(&first, 5), 5);
    CHECK_EQ(first_value(&first, 7), 5);
    CHECK_EQ(first, 5);
}

static void clock_does_not_go_back(void)
{
    u64 last = 0;

    CHECK_EQ(monotonic(&last, 100), 100);
    CHECK_EQ(monotonic(&last, 99), 100);
    CHECK_EQ(monotonic(&last, 100), 100);
    CHECK_EQ(monotonic(&last, 101), 101);
    CHECK_EQ(last, 101);
}

int main(void)
{
    RUN(deadlines_come_once_at_any_uptime);
    RUN(factors_are_rounded_down);
    RUN(first_value_stays);
    RUN(clock_does_not_go_back);
    return finish("scale");
}
