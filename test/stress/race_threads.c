/* SPDX-License-Identifier: MIT */
/*
 * Races between the end of an object's use and the start of its next use: threads that are joined,
 * woken or bound, and calls that have completed. Each is held at the instruction in question
 * (test/harness/step.h).
 */
#include "test/harness/cpus.h"
#include "test/harness/step.h"

enum { CALLER = 1, LEAVER = 2, TURNS = 50 };

/* ---- A thread that has ended is joined when it has left its CPU ---------------------------- */

static struct {
    struct thread *thread;
    bool held, joined, too_early, released, over;
    u32 turns;          /* of a second thread beside the joining one */
    struct steps steps; /* static, because it outlives the thread */
} ending;

/*
 * Hold the thread where it has ended but has not been switched away from, while the joining thread,
 * which has been woken, runs many times.
 */
static void hold_at_end(struct steps *steps, struct trap_frame *frame)
{
    u32 first;

    (void)frame;
    steps->over = this_thread() != ending.thread;
    if (steps->over || READ_ONCE(this_thread()->state) != THREAD_DONE || this_cpu()->area.spinlocks)
        return;
    steps->over = true;
    WRITE_ONCE(ending.held, true);
    first = READ_ONCE(ending.turns);
    SPIN_UNTIL(READ_ONCE(ending.joined) || READ_ONCE(ending.turns) - first >= TURNS);
    ending.too_early = READ_ONCE(ending.joined);
    __atomic_store_n(&ending.released, true, __ATOMIC_SEQ_CST);
}

static void exit_now(void *arg)
{
    (void)arg;
    thread_exit();
}

static void step_to_the_end(void *arg)
{
    (void)arg;
    ending.thread = this_thread();
    ending.steps.between = hold_at_end;
    step_through(&ending.steps, exit_now, NULL);
}

static void take_turns(void *arg)
{
    (void)arg;
    while (!READ_ONCE(ending.over)) {
        WRITE_ONCE(ending.turns, ending.turns + 1);
        thread_yield();
    }
}

TEST(race, thread_is_joined_after_it_has_left_its_cpu)
{
    struct time_limit limit;
    struct thread *t, *beside;

    NEEDS_CPUS(2);
    ending.held = ending.joined = ending.too_early = ending.released = ending.over = false;
    beside = thread_start("beside", 0, take_turns, NULL);
    t = thread_start("ending", CALLER, step_to_the_end, NULL);
    REQUIRE(t && beside);
    thread_join(t);
    WRITE_ONCE(ending.joined, true);
    limit = time_limit(30 * NS_PER_S);
    while (!__atomic_load_n(&ending.released, __ATOMIC_SEQ_CST) && !time_limit_reached(&limit))
        thread_yield();
    debug_hook = NULL;
    WRITE_ONCE(ending.over, true);
    thread_join(beside);
    EXPECT(ending.held);
    EXPECT(!ending.too_early);
}

/* ---- A waiter in a queue is blocked before another CPU can find it there ------------------- */

static struct wait_queue queue = {.lock = SPINLOCK("test waiters")};
static struct thread *waiter;
static bool holds;
static u32 seen_in_queue, seen_ready;

static void look_at_queued(struct steps *steps, struct trap_frame *frame)
{
    (void)frame;
    steps->over = this_thread() != waiter;
    if (steps->over || queue.first != waiter || !step_may_lock(&queue.lock))
        return;
    seen_in_queue++;
    seen_ready += READ_ONCE(waiter->state) != THREAD_BLOCKED;
}

static void make_condition_true(struct timer *timer)
{
    (void)timer;
    spin_lock(&queue.lock);
    holds = true;
    wake_all_locked(&queue);
    spin_unlock(&queue.lock);
}

static void wait_once(void *arg)
{
    (void)arg;
    wait_until(&queue, holds);
}

/*
 * A waiter that could be found and woken before it is blocked would then block without a wake-up.
 */
TEST(race, waiter_is_blocked_before_it_can_be_found)
{
    seen_in_queue = seen_ready = 0;
    waiter = this_thread();
    for (u32 i = 0; i < 20 && !seen_in_queue; i++) {
        struct steps steps = {.between = look_at_queued};
        struct timer timer = {0};

        holds = false;
        timer_start(&timer, pv_clock_ns() + (i + 1) * 20 * NS_PER_MS, make_condition_true);
        step_through(&steps, wait_once, NULL);
    }
    EXPECT(seen_in_queue);
    EXPECT_EQ(seen_ready, 0);
}

/* ---- A thread is counted as bound before its CPU is checked -------------------------------- */

static struct {
    u32 bound;   /* number of bound threads before this one is counted */
    u32 hold_at; /* ~0: do not hold */
    u32 last;    /* the last step at which the thread is not yet counted */
    bool held, counted;
    struct thread *started;
} binding;

static void wait_until_it_has_left(void)
{
    WRITE_ONCE(binding.held, true);
    SPIN_UNTIL(!smp_is_online(LEAVER));
}

static void look_at_bound(struct steps *steps, struct trap_frame *frame)
{
    (void)frame;
    binding.counted |= READ_ONCE(cpus[LEAVER].bound) != binding.bound;
    if (binding.counted)
        return;
    if (steps->count == binding.hold_at)
        wait_until_it_has_left();
    binding.last = steps->count;
}

static void return_at_once(void *arg)
{
    (void)arg;
}

static void bind_there(void *arg)
{
    (void)arg;
    binding.started = thread_start("bound", LEAVER, return_at_once, NULL);
}

static void step_binder(void *arg)
{
    struct steps steps = {.between = look_at_bound};

    (void)arg;
    binding.counted = false;
    step_through(&steps, bind_there, NULL);
}

static bool start_binder(struct thread **binder, u32 hold_at)
{
    binding.bound = READ_ONCE(cpus[LEAVER].bound);
    binding.hold_at = hold_at;
    binding.held = false;
    *binder = thread_start("binder", CALLER, step_binder, NULL);
    return EXPECT(*binder);
}

TEST(race, thread_is_not_bound_to_a_leaving_cpu, cpu_leave, cpu_down)
{
    struct thread *binder;

    NEEDS_CPUS(3);
    REQUIRE(start_binder(&binder, ~0u));
    thread_join(binder);
    REQUIRE(binding.started && binding.counted && binding.last);
    thread_join(binding.started);
    REQUIRE(start_binder(&binder, binding.last)); /* the next instruction counts the thread */
    while (!READ_ONCE(binding.held))
        thread_yield();
    EXPECT_EQ(smp_down(LEAVER), 0);
    thread_join(binder);
    EXPECT(!binding.started);
    EXPECT_EQ(smp_up(LEAVER), 0);
}

/* ---- The caller may reuse a call that is done ---------------------------------------------- */

static struct call calls[2];
static bool reused;

/* Reuse the first call, as its caller may once it is done. */
static void reuse_first(struct steps *steps, struct trap_frame *frame)
{
    (void)steps, (void)frame;
    if (reused || READ_ONCE(calls[0].state) != CALL_DONE)
        return;
    reused = true;
    calls[0].next = NULL;
}

static void count_call(void *arg)
{
    ++*(u32 *)arg;
}

static void run_calls(void *arg)
{
    (void)arg;
    smp_on_call();
}

TEST(race, finished_call_is_not_read)
{
    struct steps steps = {.between = reuse_first};
    u32 called = 0;

    reused = false;
    pv_irq_disable();
    for (u32 i = 0; i < 2; i++) {
        calls[i] = (struct call){.fn = count_call, .arg = &called};
        EXPECT_EQ(smp_call_async(pv_this_cpu(), &calls[i]), 0);
    }
    step_through(&steps, run_calls, NULL);
    pv_irq_enable();
    EXPECT(reused);
    EXPECT_EQ(called, 2);
}
