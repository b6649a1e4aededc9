/* SPDX-License-Identifier: MIT */
/* Kernel threads: they share a CPU, sleep, keep their FPU state and migrate. */
#include "kernel/thread.h"
#include "kernel/trap.h"
#include "lib/string.h"
#include "pv/x86.h"
#include "test/harness/cpus.h"

static bool stop;

static void count_up(void *arg)
{
    while (!READ_ONCE(stop))
        WRITE_ONCE(*(u64 *)arg, *(u64 *)arg + 1);
}

/* Neither thread yields: the timer preempts each in turn. */
TEST(threads, busy_threads_share_a_cpu, timer_set)
{
    u64 counts[2] = {0, 0};
    struct thread *threads[2];

    WRITE_ONCE(stop, false);
    for (u32 i = 0; i < 2; i++) {
        threads[i] = thread_start("busy", smp_online_count() - 1, count_up, &counts[i]);
        REQUIRE(threads[i]);
    }
    SLEEP_UNTIL(READ_ONCE(counts[0]) && READ_ONCE(counts[1]) &&
                READ_ONCE(threads[0]->switches) >= 3);
    WRITE_ONCE(stop, true);
    for (u32 i = 0; i < 2; i++) {
        thread_join(threads[i]);
        EXPECT(counts[i] > 0);
    }
}

/*
 * The slice ends before the CPU's timer is armed for it, as if the hypervisor had run other virtual
 * CPUs in between. Then its end is noticed by a thread, not by an interrupt, and no interrupt
 * follows by itself.
 */
static void let_slice_end_unarmed(void *arg)
{
    const u64 *count = arg;
    struct cpu *c = this_cpu();
    u64 flags, before;

    SPIN_UNTIL(READ_ONCE(c->first));
    flags = pv_irq_save();
    before = READ_ONCE(*count);
    timer_stop(&c->slice);
    timer_start(&c->slice, 0, c->slice.fire);
    pv_restore_fl(flags);
    EXPECT(SPIN_UNTIL(READ_ONCE(*count) != before));
    WRITE_ONCE(stop, true);
}

TEST(threads, the_next_thread_runs_if_a_slice_ends_before_it_is_armed, timer_set)
{
    const u32 cpu = smp_online_count() - 1;
    struct thread *other, *ender;
    u64 count = 0;

    WRITE_ONCE(stop, false);
    other = thread_start("other", cpu, count_up, &count);
    ender = thread_start("ender", cpu, let_slice_end_unarmed, &count);
    REQUIRE(other && ender);
    thread_join(ender);
    thread_join(other);
}

static void keep_in_xmm(void *arg)
{
    const u64 mine = (u64)arg;
    u64 seen = 0;

    __asm__ volatile("movq %0, %%xmm7" : : "r"(mine));
    for (u32 i = 0; i < 50; i++)
        thread_yield();
    __asm__ volatile("movq %%xmm7, %0" : "=r"(seen));
    EXPECT_EQ(seen, mine);
}

TEST(threads, fpu_state_is_per_thread)
{
    struct thread *threads[4];

    for (u64 i = 0; i < 4; i++) {
        threads[i] = thread_start("xmm", 0, keep_in_xmm, (void *)(0x1111 * (i + 1)));
        REQUIRE(threads[i]);
    }
    for (u32 i = 0; i < 4; i++)
        thread_join(threads[i]);
}

/*
 * The state in which a new thread starts, whatever earlier threads have left behind.
 */
static struct start {
    u64 frame, stack_limit;
    u32 frames; /* in the chain of frames from run's */
    u32 mxcsr;
    u16 fcw;
} start;

static void note_start(void *arg)
{
    const u32 other_mxcsr = 0x1f00; /* with one exception unmasked */
    const u16 other_fcw = 0x27f;    /* double precision */

    (void)arg;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(start.mxcsr), "=m"(start.fcw));
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(other_mxcsr), "m"(other_fcw));
    start.frame = (u64)__builtin_frame_address(0);
    start.stack_limit = pv_this_area()->stack_limit;
    start.frames = 0;
    for (const u64 *f = __builtin_frame_address(0); f && start.frames < 9; f = (const u64 *)*f)
        start.frames++;
}

TEST(threads, new_thread_starts_from_the_abis_state)
{
    for (u32 i = 0; i < 3; i++) {
        struct thread *t = thread_start("new", 0, note_start, NULL);
        u64 stack;

        REQUIRE(t);
        stack = (u64)t->stack;
        thread_join(t);
        EXPECT_EQ(start.mxcsr, 0x1f80);
        EXPECT_EQ(start.fcw, 0x37f);
        EXPECT_EQ(start.frame % 16, 0);
        EXPECT_EQ(start.frames, 2);
        EXPECT_EQ(start.stack_limit, stack + STACK_RESERVE);
        EXPECT(start.frame > stack && start.frame < stack + THREAD_STACK_SIZE);
    }
}

static void return_at_once(void *arg)
{
    (void)arg;
}

/* A thread that could not be created is not counted as bound to its CPU. */
TEST(threads, too_many_are_refused_and_not_counted_as_bound)
{
    static struct thread *many[THREADS_MAX];
    const u32 cpu = smp_online_count() - 1, bound = READ_ONCE(cpus[cpu].bound);
    u32 count = 0;

    while (count < THREADS_MAX &&
           (many[count] = thread_start("one of many", cpu, return_at_once, NULL)))
        count++;
    EXPECT(count > 0 && count < THREADS_MAX);
    EXPECT(!thread_start("too many", THREAD_ANY_CPU, return_at_once, NULL));
    for (u32 i = 0; i < count; i++)
        thread_join(many[i]);
    EXPECT_EQ(READ_ONCE(cpus[cpu].bound), bound);
}

/* Otherwise every later interrupt would end with a switch. */
TEST(threads, switch_clears_need_switch)
{
    pv_irq_disable();
    this_cpu()->area.need_switch = true;
    thread_yield();
    EXPECT(!this_cpu()->area.need_switch);
    pv_irq_enable();
}

static u32 count_queued(struct cpu *c, const struct thread *wanted)
{
    const u64 flags = spin_lock_irqsave(&c->queue_lock);
    u32 count = 0;

    for (const struct thread *t = c->first; t; t = t->next)
        count += t == wanted;
    spin_unlock_irqrestore(&c->queue_lock, flags);
    return count;
}

/* An idle thread in the run queue would keep its CPU from halting. */
TEST(threads, idle_threads_are_in_no_queue)
{
    for (u32 i = 0; i < 20; i++) {
        sleep_until(pv_clock_ns() + 100 * NS_PER_US);
        for_each_online_cpu (c)
            EXPECT_EQ(count_queued(c, c->idle), 0);
    }
}

static struct journey {
    struct thread *thread;
    u32 to, seen;
    int first, second;
} journeys[PV_CPUS_MAX];

/* A bound thread does not migrate to an idle CPU, and cannot be bound again. */
static void visit_cpus(void *arg)
{
    struct journey *j = arg;

    j->first = thread_bind(j->to);
    j->seen = pv_this_cpu();
    j->second = thread_bind(0);
}

TEST(threads, bound_threads_get_to_every_cpu, send_ipi)
{
    const u32 count = MIN(smp_online_count(), 16u);

    for (u32 cpu = 0; cpu < count; cpu++) {
        journeys[cpu] = (struct journey){.to = cpu, .seen = ~0u};
        journeys[cpu].thread =
            thread_start("traveller", THREAD_ANY_CPU, visit_cpus, &journeys[cpu]);
        REQUIRE(journeys[cpu].thread);
    }
    for (u32 cpu = 0; cpu < count; cpu++) {
        thread_join(journeys[cpu].thread);
        EXPECT_EQ(journeys[cpu].first, 0);
        EXPECT_EQ(journeys[cpu].seen, cpu);
        EXPECT_EQ(journeys[cpu].second, -EINVAL);
    }
}

TEST(threads, sleep_lasts_until_its_end, timer_set)
{
    for (u32 i = 0; i < 20; i++) {
        const u64 end = pv_clock_ns() + i * 100 * NS_PER_US;

        sleep_until(end);
        EXPECT(pv_clock_ns() >= end);
    }
}

/* Sleep to deadlines that have passed, that pass while the thread goes to sleep, and later ones. */
static void sleep_repeatedly(void *arg)
{
    struct stress stress = {.normal = 200};

    while (stress_continues(&stress)) {
        const u64 end = pv_clock_ns() + stress.done * 37 % 200 * NS_PER_US;

        sleep_until(end);
        EXPECT(pv_clock_ns() >= end);
    }
    *(u32 *)arg = stress.done;
}

SOAK_TEST(threads, every_sleeping_thread_wakes, timer_set)
{
    u32 slept[STRESS_CPUS] = {0}, sum = 0;
    struct workers workers;

    workers_start(&workers, 0, stress_cpus(), sleep_repeatedly, slept, sizeof(slept[0]));
    workers_join(&workers);
    for (u32 i = 0; i < workers.count; i++) {
        EXPECT(slept[i]);
        sum += slept[i];
    }
    print("# %u sleeps on %u CPUs\n", sum, workers.count);
}

static void sleep_in_the_past(void *arg)
{
    pv_irq_disable();
    while (!READ_ONCE(stop)) {
        sleep_until(0);
        ++*(u64 *)arg;
    }
    pv_irq_enable();
}

/*
 * Such a sleep ends at once and still yields to the other threads of the CPU. Interrupts are
 * disabled, so nothing else can switch.
 */
TEST(threads, sleep_in_the_past_yields)
{
    struct thread *t;
    u64 slept = 0;

    WRITE_ONCE(stop, false);
    t = thread_start("never rests", 0, sleep_in_the_past, &slept);
    REQUIRE(t);
    for (u32 i = 0; i < 5; i++)
        sleep_until(pv_clock_ns() + 100 * NS_PER_US);
    WRITE_ONCE(stop, true);
    thread_join(t);
    EXPECT(slept);
}

/* The limit of the stack follows the switches of threads; names are cut. */
static void look_at_limit(void *arg)
{
    for (u32 i = 0; i < 3; i++) {
        thread_yield();
        INTERRUPTS_OFF
        *(u32 *)arg += pv_this_area()->stack_limit == this_thread()->stack_limit;
    }
}

TEST(threads, each_runs_within_its_own_stack_limit)
{
    u32 right[2] = {0, 0};
    struct thread *t;

    EXPECT_EQ(this_thread()->stack_limit, pv_this_area()->stack_limit);
    t = thread_start("a name that is longer than its field", 0, look_at_limit, &right[1]);
    REQUIRE(t);
    EXPECT(!strcmp(t->name, "a name that is "));
    look_at_limit(&right[0]);
    thread_join(t);
    EXPECT_EQ(right[0], 3);
    EXPECT_EQ(right[1], 3);
}

static void look_at_cr4(void *arg)
{
    __atomic_fetch_add((u32 *)arg, !(pv_read_cr4() & CR4_OSXSAVE), __ATOMIC_SEQ_CST);
}

/* AVX is disabled, because a switch of threads does not save its registers. */
TEST(threads, avx_is_off_on_every_cpu, read_cr4, write_cr4)
{
    struct fault fault = {0};
    u32 off = 0;

    EXPECT_EQ(smp_call_many(~0ull, look_at_cr4, &off), smp_online_count());
    EXPECT_EQ(off, smp_online_count());
    PV_TRY(fault)
    {
        __asm__ volatile("vzeroupper");
    }
    EXPECT(fault.caught);
    EXPECT_EQ(fault.vector, VECTOR_UD);
}
