/* SPDX-License-Identifier: MIT */
/* CPUs that go online and offline at the host's request, under load and with bound threads. */
#include "kernel/hotplug.h"
#include "test/harness/load.h"

static u32 last_cpu(void)
{
    return smp_online_count() - 1;
}

TEST(hotplug, cpu_follows_the_last_request_under_load, cpu_up, cpu_down)
{
    bool working = true;
    u32 cpu;

    NEEDS_CPUS(2);
    cpu = last_cpu();
    REQUIRE(load_start(false));
    for (u32 round = 0; round < 3; round++) {
        EXPECT_EQ(smp_set_available(cpu, false), 0);
        EXPECT(SLEEP_UNTIL(!smp_is_online(cpu)));
        working &= load_continues();
        EXPECT_EQ(smp_set_available(cpu, true), 0);
        EXPECT_EQ(smp_set_available(cpu, false), 0);
        EXPECT_EQ(smp_set_available(cpu, true), 0);
        EXPECT(SLEEP_UNTIL(smp_is_online(cpu)));
    }
    EXPECT_EQ(load_stop(), 0);
    EXPECT(working);
    EXPECT_EQ(last_cpu(), cpu);
}

static void run_until(void *stop)
{
    while (!READ_ONCE(*(bool *)stop))
        sleep_until(pv_clock_ns() + NS_PER_MS);
}

TEST(hotplug, cpu_waits_for_its_bound_threads_to_end, cpu_down)
{
    bool stop = false;
    struct thread *bound;
    u32 cpu;

    NEEDS_CPUS(2);
    cpu = last_cpu();
    bound = thread_start("bound", cpu, run_until, &stop);
    REQUIRE(bound);
    EXPECT_EQ(smp_set_available(cpu, false), 0);
    /* The first attempt begins, and ends in a refusal. */
    EXPECT(SLEEP_UNTIL(READ_ONCE(cpus[cpu].closing)));
    EXPECT(SLEEP_UNTIL(!READ_ONCE(cpus[cpu].closing)));
    EXPECT(smp_is_online(cpu));
    WRITE_ONCE(stop, true);
    thread_join(bound);
    EXPECT(SLEEP_UNTIL(!smp_is_online(cpu)));
    EXPECT_EQ(smp_set_available(cpu, true), 0);
    EXPECT(SLEEP_UNTIL(smp_is_online(cpu)));
}

TEST(hotplug, requests_for_other_cpus_are_refused, cpu_count)
{
    EXPECT_EQ(smp_set_available(0, false), -EINVAL);
    EXPECT_EQ(smp_set_available(pv_cpu_count(), true), -EINVAL);
    EXPECT_EQ(smp_set_available(~0u, false), -EINVAL);
    EXPECT_EQ(smp_unavailable_count(), 0);
}

TEST(hotplug, cpu_keeps_bound_threads_while_it_is_offline, cpu_up, cpu_down)
{
    bool working;
    u32 cpu;

    NEEDS_CPUS(2);
    cpu = last_cpu();
    REQUIRE(load_start(true));
    mutex_lock(&cpu_mutex);
    EXPECT_EQ(smp_down_keeping_threads(cpu), 0);
    EXPECT(!smp_is_online(cpu));
    sleep_until(pv_clock_ns() + 20 * NS_PER_MS); /* the bound thread's own sleep is over */
    EXPECT_EQ(smp_up(cpu), 0);
    mutex_unlock(&cpu_mutex);
    working = load_continues();
    EXPECT_EQ(load_stop(), 0);
    EXPECT(working);
}
