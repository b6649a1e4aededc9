/* SPDX-License-Identifier: MIT */
/*
 * Interrupts and timers while all CPUs work against each other: each CPU's line is raised by all of
 * them, and each CPU's timers are stopped by another one.
 */
#include "lib/string.h"
#include "test/harness/cpus.h"
#include "test/harness/mm_util.h"

#define ANSWER_NS (10 * NS_PER_S) /* a time_limit: an event that takes longer counts as lost */

/*
 * Poll for a change by another CPU. Sleep after a while, because that CPU may be a vCPU that waits
 * for this one's physical CPU. Return false at the limit.
 */
static bool poll_again(struct time_limit *limit, u32 *looks)
{
    if (++*looks % 1000 == 0)
        sleep_until(pv_clock_ns() + 20 * NS_PER_US);
    else
        __builtin_ia32_pause();
    return *looks % 64 || !time_limit_reached(limit);
}

/* ---- Interrupts ---------------------------------------------------------------------------- */

/* A CPU's line. A sender sets its flag and raises the line; the handler clears all flags. */
static struct owner {
    struct test_line line; /* first */
    bool opened, flags[STRESS_CPUS];
    u64 taken;
} owners[STRESS_CPUS];

struct sender {
    u64 sent;
    bool lost;
};

static void clear_flags(struct test_line *line)
{
    struct owner *o = (struct owner *)line;

    for (u32 i = 0; i < STRESS_CPUS; i++)
        o->taken += __atomic_exchange_n(&o->flags[i], false, __ATOMIC_SEQ_CST);
}

static void open_own_line(void *arg)
{
    struct owner *o = &owners[pv_this_cpu()];

    (void)arg;
    o->opened = test_line_open(&o->line);
    o->line.during = clear_flags;
}

static bool send_to(struct owner *o, u32 me)
{
    struct time_limit limit = time_limit(ANSWER_NS);
    u32 looks = 0;

    __atomic_store_n(&o->flags[me], true, __ATOMIC_SEQ_CST);
    EXPECT_EQ(pv_irq_raise(o->line.line), 0);
    while (__atomic_load_n(&o->flags[me], __ATOMIC_SEQ_CST))
        if (!poll_again(&limit, &looks))
            return false;
    return true;
}

static bool is_wanted(const struct owner *o)
{
    bool any = false;

    for (u32 i = 0; i < STRESS_CPUS; i++)
        any |= __atomic_load_n(&o->flags[i], __ATOMIC_SEQ_CST);
    return any;
}

/* Close the line, or interrupts, until another CPU has raised it: opening must not lose that. */
static void close_until_wanted(const struct owner *o, u32 round)
{
    if (round % 2)
        EXPECT_EQ(pv_irq_mask(o->line.line), 0);
    else
        pv_irq_disable();
    for (u32 i = 0; i < 1000 && !is_wanted(o); i++)
        __builtin_ia32_pause();
    spin(20 * NS_PER_US); /* for a sender that has set its flag and not yet raised the line */
    if (round % 2)
        EXPECT_EQ(pv_irq_unmask(o->line.line), 0);
    else
        pv_irq_enable();
}

static void send_to_all(void *arg)
{
    struct stress stress = {.normal = 1000};
    struct sender *s = arg;
    const u32 me = pv_this_cpu();

    while (!s->lost && stress_continues(&stress)) {
        for (u32 cpu = 0; cpu < stress_cpus() && !s->lost; cpu++) {
            s->lost = !send_to(&owners[cpu], me);
            s->sent++;
        }
        close_until_wanted(&owners[me], stress.done);
    }
}

SOAK_TEST(smp, lines_raised_by_all_cpus_lose_no_interrupt, irq_raise, irq_mask, irq_unmask,
          irq_enable)
{
    struct sender senders[STRESS_CPUS] = {{0}};
    u64 sent = 0, taken = 0;
    struct workers workers;

    memset(owners, 0, sizeof(owners));
    for (u32 cpu = 0; cpu < stress_cpus(); cpu++) {
        EXPECT_EQ(smp_call(cpu, open_own_line, NULL), 0);
        REQUIRE(owners[cpu].opened);
    }
    workers_start(&workers, 0, stress_cpus(), send_to_all, senders, sizeof(senders[0]));
    workers_join(&workers);
    for (u32 i = 0; i < workers.count; i++) {
        EXPECT(!senders[i].lost);
        sent += senders[i].sent;
        taken += owners[i].taken;
        test_line_close(&owners[i].line);
    }
    EXPECT_EQ(taken, sent);
    print("# %llu interrupts between %u CPUs\n", (unsigned long long)sent, workers.count);
}

/* ---- Timers -------------------------------------------------------------------------------- */

enum { TIMERS = 8 };

/* Each start ends either by firing or by a timer_stop that returned true. */
static struct slot {
    struct timer timer; /* first */
    u64 started, ended;
} slots[STRESS_CPUS][TIMERS];

static u64 fired, stopped;

static void end_slot(struct slot *slot, u64 *count)
{
    __atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&slot->ended, 1, __ATOMIC_SEQ_CST);
}

static void on_time(struct timer *timer)
{
    end_slot((struct slot *)timer, &fired);
}

static bool has_ended(struct slot *slot)
{
    return __atomic_load_n(&slot->ended, __ATOMIC_SEQ_CST) == slot->started;
}

/*
 * Odd slots fire soon, at about the time when another CPU stops them; even ones can only be
 * stopped.
 */
static void start_slot(struct slot *slots_here, u32 i, u64 *random)
{
    const u64 ns = i % 2 ? (random_next(random) >> 33) % NS_PER_MS : 3600 * NS_PER_S;

    if (!has_ended(&slots_here[i]))
        return;
    slots_here[i].started++;
    timer_start(&slots_here[i].timer, pv_clock_ns() + ns, on_time);
}

static void stop_slot(struct slot *slot)
{
    if (timer_stop(&slot->timer))
        end_slot(slot, &stopped);
}

/* Start this CPU's timers and stop those of the next CPU. */
static void start_and_stop(void *arg)
{
    struct stress stress = {.normal = 5000};
    const u32 me = pv_this_cpu(), other = (me + 1) % stress_cpus();
    u64 random = me + 1;

    (void)arg;
    while (stress_continues(&stress)) {
        start_slot(slots[me], stress.done % TIMERS, &random);
        stop_slot(&slots[other][stress.done / 2 % TIMERS]);
    }
}

static bool all_end(void)
{
    struct time_limit limit = time_limit(ANSWER_NS);
    u32 looks = 0;

    for (u32 cpu = 0; cpu < stress_cpus(); cpu++)
        for (u32 i = 0; i < TIMERS; i++)
            while (!has_ended(&slots[cpu][i]))
                if (!poll_again(&limit, &looks))
                    return false;
    return true;
}

SOAK_TEST(smp, timer_fires_once_or_is_stopped_by_another_cpu, timer_set, timer_stop)
{
    u64 started = 0;
    struct workers workers;

    memset(slots, 0, sizeof(slots));
    fired = stopped = 0;
    workers_start(&workers, 0, stress_cpus(), start_and_stop, NULL, 0);
    workers_join(&workers);
    for (u32 cpu = 0; cpu < stress_cpus(); cpu++)
        for (u32 i = 0; i < TIMERS; i += 2)
            stop_slot(&slots[cpu][i]);
    EXPECT(all_end());
    for (u32 cpu = 0; cpu < stress_cpus(); cpu++)
        for (u32 i = 0; i < TIMERS; i++)
            started += slots[cpu][i].started;
    EXPECT_EQ(fired + stopped, started);
    EXPECT(fired && stopped);
    print("# %llu timers fired, %llu stopped by another CPU\n", (unsigned long long)fired,
          (unsigned long long)stopped);
}
