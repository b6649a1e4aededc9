/* SPDX-License-Identifier: MIT */
/*
 * A CPU that goes offline: its running, waiting and sleeping threads and its timers move to other
 * CPUs; a CPU with bound threads refuses.
 */
#include "lib/string.h"
#include "mm/frame.h"
#include "test/harness/cpus.h"
#include "test/harness/mm_util.h"

enum { BUSY_MAX = 18 };

static struct {
    bool stop, go;
    u32 asleep_on; /* the CPU on which the waiter blocked */
    bool woken, fired;
    u64 rounds[BUSY_MAX];
    struct thread *busy[BUSY_MAX], *waiter;
    u32 nr_busy;
} left;

static struct wait_queue queue = {.lock = SPINLOCK("test waiters")};
static struct timer timer;

static void count_rounds(void *arg)
{
    while (!READ_ONCE(left.stop))
        WRITE_ONCE(*(u64 *)arg, *(u64 *)arg + 1);
}

static void wait_for_go(void *arg)
{
    (void)arg;
    WRITE_ONCE(left.asleep_on, pv_this_cpu());
    wait_until(&queue, READ_ONCE(left.go));
    WRITE_ONCE(left.woken, true);
}

static void record_fired(struct timer *t)
{
    (void)t;
    WRITE_ONCE(left.fired, true);
}

/* Runs on the CPU that will go offline. */
static void start_waiter(void *arg)
{
    (void)arg;
    left.waiter = thread_start("waiter", THREAD_ANY_CPU, wait_for_go, NULL);
}

static void start_others(void *arg)
{
    (void)arg;
    for (left.nr_busy = 0; left.nr_busy < MIN(smp_online_count() + 2, BUSY_MAX); left.nr_busy++)
        left.busy[left.nr_busy] =
            thread_start("busy", THREAD_ANY_CPU, count_rounds, &left.rounds[left.nr_busy]);
    timer_start(&timer, pv_clock_ns() + 50 * NS_PER_MS, record_fired);
}

/* Poll without sleeping, because the timer of a sleep would make this CPU check all due timers. */
static bool becomes_true(const bool *flag)
{
    return SPIN_UNTIL(READ_ONCE(*flag));
}

static bool continues(const u64 *rounds)
{
    struct time_limit limit = time_limit(20 * NS_PER_S);
    const u64 before = READ_ONCE(*rounds);

    while (READ_ONCE(*rounds) == before && !time_limit_reached(&limit))
        thread_yield();
    return READ_ONCE(*rounds) != before;
}

/* Return whether the waiter blocked on this CPU; another CPU may have taken it before it ran. */
static bool put_waiter_to_sleep(u32 cpu)
{
    WRITE_ONCE(left.go, false);
    WRITE_ONCE(left.woken, false);
    EXPECT_EQ(smp_call(cpu, start_waiter, NULL), 0);
    if (!EXPECT(left.waiter))
        return false;
    while (READ_ONCE(left.waiter->state) != THREAD_BLOCKED)
        thread_yield();
    return left.asleep_on == cpu;
}

static void wake_waiter(void)
{
    const u64 flags = spin_lock_irqsave(&queue.lock);

    left.go = true;
    wake_all_locked(&queue);
    spin_unlock_irqrestore(&queue.lock, flags);
}

static bool start_all_there(u32 cpu)
{
    for (u32 tries = 0; !put_waiter_to_sleep(cpu); tries++) {
        wake_waiter();
        if (!left.waiter || tries == 100)
            return EXPECT(!"the waiter sleeps on the CPU that goes down");
        thread_join(left.waiter);
    }
    return EXPECT_EQ(smp_call(cpu, start_others, NULL), 0);
}

static void expect_all_continue(u32 cpu)
{
    EXPECT(!READ_ONCE(cpus[cpu].slice.queued));
    EXPECT(!READ_ONCE(cpus[cpu].first));
    EXPECT(becomes_true(&left.fired));
    wake_waiter();
    for (u32 i = 0; i < left.nr_busy; i++)
        EXPECT(continues(&left.rounds[i]));
}

TEST(smp, threads_and_timers_migrate_from_a_leaving_cpu, cpu_leave, cpu_down)
{
    const u32 cpu = smp_online_count() - 1;

    NEEDS_CPUS(2);
    memset(&left, 0, sizeof(left));
    REQUIRE(start_all_there(cpu));
    EXPECT_EQ(smp_down(cpu), 0);
    expect_all_continue(cpu);
    WRITE_ONCE(left.stop, true);
    EXPECT(becomes_true(&left.woken));
    EXPECT_EQ(smp_up(cpu), 0);
    for (u32 i = 0; i < left.nr_busy; i++)
        thread_join(left.busy[i]);
    thread_join(left.waiter);
}

/* The first start of a CPU allocates all memory that it needs. */
TEST(smp, restarted_cpu_takes_no_more_memory, cpu_up, cpu_down)
{
    const u32 cpu = smp_online_count() - 1;
    const u64 free = frames_free();

    NEEDS_CPUS(2);
    for (u32 i = 0; i < 2; i++) {
        REQUIRE(smp_down(cpu) == 0);
        REQUIRE(smp_up(cpu) == 0);
        EXPECT_EQ(frames_free(), free);
    }
}

/* Start the CPU while only so many frames are free, the first ones of spare. */
static int start_with_frames(u32 cpu, pfn_t spare, u32 frames)
{
    u32 held = 0;
    int error;

    hold_all_memory(&held);
    for (u32 i = 0; i < frames; i++)
        frame_free(PFN(spare.n + i), 0);
    error = smp_up(cpu);
    release_memory(&held);
    return error;
}

/* Try with more and more frames. Return the number that was enough, or 0. */
static u32 start_with_least_memory(u32 cpu)
{
    enum { ORDER = 6 };
    const u64 free = frames_free();

    for (u32 frames = 0; frames < 1 << ORDER; frames++) {
        const pfn_t spare = frame_alloc(ORDER, FRAME_SINGLE, FRAME_KERNEL);
        int error;

        if (!EXPECT(spare.n != NO_PFN))
            return 0;
        error = start_with_frames(cpu, spare, frames);
        for (u32 i = frames; i < 1 << ORDER; i++)
            frame_free(PFN(spare.n + i), 0);
        if (!error)
            return frames;
        EXPECT_EQ(error, -ENOMEM);
        EXPECT_EQ(frames_free(), free);
    }
    return 0;
}

/*
 * The CPU gives up what it has, and is then as one that never started. The first allocation leaves
 * page tables and a slab of the heap, which are not part of what is counted.
 */
TEST(smp, start_without_memory_is_refused_and_keeps_none, cpu_up)
{
    const u32 cpu = smp_online_count() - 1;
    struct cpu *c = &cpus[cpu];
    static struct cpu before;

    NEEDS_CPUS(2);
    REQUIRE(smp_down(cpu) == 0);
    before.gdt = c->gdt;
    before.start = c->start;
    c->gdt = NULL;
    EXPECT_EQ(cpu_memory_alloc(c), 0);
    cpu_memory_free(c);
    /* A block for the tables, and two pages for each stack. */
    EXPECT(start_with_least_memory(cpu) >= 4 + 2 * PV_EXCEPTION_STACKS);
    REQUIRE(smp_is_online(cpu));
    cpu_memory_free(&before);
}

static void run_until_stopped(void *arg)
{
    while (!READ_ONCE(left.stop))
        WRITE_ONCE(*(u64 *)arg, *(u64 *)arg + 1);
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static bool is_closing(const struct cpu *c)
{
    return __atomic_load_n(&c->closing, __ATOMIC_SEQ_CST);
}

/* Start threads on that CPU, and count those that start while smp_down waits. */
static void bind_more(void *arg)
{
    const struct cpu *c = &cpus[smp_online_count() - 1];

    while (!READ_ONCE(left.go)) {
        const bool closing = is_closing(c);
        struct thread *t = thread_start("one more", c->area.number, do_nothing, NULL);

        *(u64 *)arg += t && closing && is_closing(c);
        if (t)
            thread_join(t);
        sleep_until(pv_clock_ns() + NS_PER_MS);
    }
}

/*
 * A CPU with bound threads refuses to go offline; they continue there, and no others can be bound
 * in between.
 */
TEST(smp, cpu_with_bound_threads_refuses_to_leave, cpu_leave)
{
    const u32 cpu = smp_online_count() - 1;
    struct thread *t, *binder;
    u64 rounds = 0, more = 0;

    NEEDS_CPUS(2);
    WRITE_ONCE(left.stop, false);
    WRITE_ONCE(left.go, false);
    t = thread_start("bound", cpu, run_until_stopped, &rounds);
    REQUIRE(t);
    EXPECT(continues(&rounds));
    EXPECT_EQ(smp_up(cpu), -EINVAL);
    EXPECT(READ_ONCE(cpus[cpu].thread) == t);
    binder = thread_start("binder", 0, bind_more, &more);
    REQUIRE(binder);
    EXPECT_EQ(smp_down(cpu), -EBUSY);
    EXPECT(!READ_ONCE(cpus[cpu].leave_wanted));
    EXPECT(continues(&rounds));
    WRITE_ONCE(left.go, true);
    thread_join(binder);
    EXPECT_EQ(more, 0);
    EXPECT_EQ(smp_down(cpu), -EBUSY);
    EXPECT(continues(&rounds)); /* without the IPIs of binder's threads */
    WRITE_ONCE(left.stop, true);
    thread_join(t);
    t = thread_start("bound again", cpu, run_until_stopped,
                     &rounds); /* binding works again after the refusal */
    if (EXPECT(t))
        thread_join(t);
    EXPECT_EQ(smp_down(cpu), 0);
    EXPECT_EQ(smp_up(cpu), 0);
}
