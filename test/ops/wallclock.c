/* SPDX-License-Identifier: MIT */
/*
 * The wall clock: it runs, can be set where the platform allows that, and a reader never sees a
 * mixture of two dates while it is set.
 */
#include "lib/time.h"
#include "pv/wallclock.h"
#include "test/harness/cpus.h"

#define LEAP_DAY    (1835481598 * NS_PER_S) /* 2028-02-29 23:59:58 */
#define CENTURY_END (946684798 * NS_PER_S)  /* 1999-12-31 23:59:58 */
#define FAR_DAY     (4070908798 * NS_PER_S) /* 2098-12-31 23:59:58 */
#define SET_LIMIT   (60 * NS_PER_S)         /* from setting the clock to reading it */

static void print_date(u64 ns)
{
    struct civil_time t;

    civil_time_from_unix(ns / NS_PER_S, &t);
    print("# wall clock: %u-%u-%u %u:%u:%u\n", t.year, t.month, t.day, t.hour, t.minute, t.second);
}

/*
 * Wait until the wall clock changes and return its time; 0 if it does not change for 10 seconds.
 * *begin is a time of clock_ns before the change.
 */
static u64 next_change(u64 *begin)
{
    struct time_limit limit = time_limit(10 * NS_PER_S);
    u64 first = 0, now = 0;

    do {
        *begin = pv_clock_ns();
        EXPECT_EQ(pv_get_wallclock(&first), 0);
        sleep_until(pv_clock_ns() + NS_PER_MS);
        EXPECT_EQ(pv_get_wallclock(&now), 0);
    } while (now == first && !time_limit_reached(&limit));
    return now == first ? 0 : now;
}

/* The date of a machine may be wrong; the length of its seconds may not. */
TEST(time, wallclock_runs_and_does_not_go_back, get_wallclock)
{
    u64 begin, ns, before = 0, after = 0;

    if (pv_get_wallclock(&before) == -ENODEV)
        SKIP("no wall clock");
    print_date(before);
    for (int i = 0; i < 100; i++, before = after) {
        REQUIRE(pv_get_wallclock(&after) == 0);
        REQUIRE(after >= before);
    }
    before = next_change(&begin);
    REQUIRE(before);
    sleep_until(pv_clock_ns() + 1500 * NS_PER_MS);
    REQUIRE(pv_get_wallclock(&after) == 0);
    ns = pv_clock_ns() - begin;
    EXPECT(after - before >= NS_PER_S && after - before <= ns + NS_PER_S);
}

/*
 * Set the clock and, if that succeeded, expect it to read so. Return what set_wallclock returned.
 */
static int set_and_read(u64 ns)
{
    const int error = pv_set_wallclock(ns);
    u64 now = 0;

    if (error)
        return error;
    EXPECT_EQ(pv_get_wallclock(&now), 0);
    EXPECT(now + NS_PER_S > ns && now < ns + SET_LIMIT); /* on bare metal whole seconds */
    return 0;
}

static void set_back(u64 right, u64 begin)
{
    const u64 now = right + (pv_clock_ns() - begin);

    EXPECT_EQ(set_and_read(now), wallclock_valid(now) ? 0 : -EINVAL);
}

/* Two seconds after each of the dates the month or the century changes. */
TEST(time, wallclock_can_be_set, set_wallclock, get_wallclock)
{
    const u64 begin = pv_clock_ns();
    u64 right = 0, now = 0;
    int error;

    if (pv_get_wallclock(&right) == -ENODEV)
        SKIP("no wall clock");
    error = set_and_read(LEAP_DAY);
    EXPECT(error == 0 ||
           (error == -EPERM && (on_xen() || on_kvm()))); /* Xen and KVM can forbid it */
    if (error) {
        EXPECT_EQ(pv_get_wallclock(&now), 0);
        EXPECT(now >= right && now < right + SET_LIMIT);
        return;
    }
    EXPECT_EQ(set_and_read(CENTURY_END), 0);
    error = set_and_read(FAR_DAY);
    EXPECT(error == 0 || error == -EINVAL); /* an RTC without a century register */
    EXPECT_EQ(pv_set_wallclock(4102444800 * NS_PER_S), -EINVAL);
    EXPECT_EQ(pv_set_wallclock(~0ull), -EINVAL);
    set_back(right, begin);
}

/* Return whether ns is one of the two dates, which differ in every field, and not a mixture. */
static bool is_whole(u64 ns)
{
    return ns - LEAP_DAY < SET_LIMIT || ns - CENTURY_END < SET_LIMIT;
}

static u32 reads, torn;
static u64 torn_ns; /* the last mixture that was read */
static bool done;

static void read_once(void)
{
    u64 ns = 0;

    if (pv_get_wallclock(&ns) || !is_whole(ns)) {
        torn++;
        torn_ns = ns;
    }
    WRITE_ONCE(reads, reads + 1);
}

static void read_until_done(void *arg)
{
    (void)arg;
    while (!READ_ONCE(done))
        read_once();
}

/*
 * Set the clock many times, calling before_each before each, while another context reads it;
 * afterwards it must still run.
 */
static void set_repeatedly(u64 right, u64 begin, void (*before_each)(u32 round))
{
    struct stress stress = {.normal = 10000};
    u64 changed;

    while (stress_continues(&stress)) {
        before_each(stress.done);
        if (!EXPECT_EQ(pv_set_wallclock(stress.done % 2 ? LEAP_DAY : CENTURY_END), 0))
            break;
    }
    WRITE_ONCE(done, true);
    spin(NS_PER_MS); /* so that the last interrupt is delivered */
    EXPECT(next_change(&changed) != 0);
    print("# set %u times and read %u times\n", stress.done, READ_ONCE(reads));
    EXPECT(READ_ONCE(reads) > 0);
    if (!EXPECT_EQ(READ_ONCE(torn), 0))
        print_date(torn_ns);
    set_back(right, begin);
}

/*
 * Prepare the counters, and set the clock once. Return whether that worked; *right is the time
 * before.
 */
static bool wallclock_test_begin(u64 *right)
{
    reads = torn = 0;
    done = false;
    return !pv_get_wallclock(right) && !pv_set_wallclock(LEAP_DAY);
}

static struct timer reader;

static void on_timer(struct timer *timer)
{
    (void)timer;
    read_once();
}

/* Request one interrupt in each round, at a different instruction of it each time. */
static void interrupt_soon(u32 round)
{
    timer_stop(&reader);
    timer_start(&reader, pv_clock_ns() + round % 32 * 2 * NS_PER_US, on_timer);
}

TEST(time, wallclock_is_read_in_an_interrupt_while_it_is_set, set_wallclock, get_wallclock)
{
    const u64 begin = pv_clock_ns();
    u64 right = 0;

    if (!wallclock_test_begin(&right))
        SKIP("the platform does not let this guest set a wall clock");
    set_repeatedly(right, begin, interrupt_soon);
}

static void before_nothing(u32 round)
{
    (void)round;
}

TEST(time, wallclock_is_read_on_a_cpu_while_another_sets_it, set_wallclock, get_wallclock)
{
    const u64 begin = pv_clock_ns();
    u64 right = 0;
    struct workers workers;

    NEEDS_CPUS(2);
    if (!wallclock_test_begin(&right))
        SKIP("the platform does not let this guest set a wall clock");
    workers_start(&workers, 1, 2, read_until_done, NULL, 0);
    while (!READ_ONCE(reads))
        sleep_until(pv_clock_ns() + NS_PER_MS);
    set_repeatedly(right, begin, before_nothing);
    workers_join(&workers);
}
