/* SPDX-License-Identifier: MIT */
/*
 * Timers: any number of deadlines for each CPU, on the one deadline that its hardware has.
 *
 * A CPU has a list of timers, sorted by deadline, under its timer_lock. Only the CPU itself arms
 * its hardware (the op timer_set, always for the first timer) and calls what is due, in
 * timer_fire_due; another CPU may only remove a timer from the list. A removal does not disarm the
 * hardware, except when the list becomes empty: an interrupt without a due timer is harmless.
 *
 * The race between arming and time. timer_set refuses a deadline that has passed, with -ETIME. So
 * timer_take_due repeats: if the first timer is due by the clock, take it; else arm the hardware
 * for it; if that is refused, the deadline has passed in between, and the timer is due now. Without
 * the refusal a late timer would wait for the next interrupt, which may never be raised.
 *
 * timer->queued is the CPU whose list the timer is on, or NULL. To remove it, lock that CPU's list
 * and compare again, because it may have fired or moved before the lock was taken (timer_dequeue).
 * When a CPU goes offline, timers_take_over moves its timers with both lists locked, so that each
 * timer is on one list or the other whenever its owner looks.
 */
#include "kernel/time.h"
#include "kernel/console.h"
#include "kernel/panic.h"
#include "kernel/thread.h"

/* The next functions up to timer_remove need the list's lock. */
static void timer_insert(struct cpu *c, struct timer *timer)
{
    struct timer **at = &c->timers;

    while (*at && (*at)->deadline <= timer->deadline)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
    WRITE_ONCE(timer->queued, c);
}

static void timer_unlink(struct cpu *c, const struct timer *timer)
{
    struct timer **at = &c->timers;

    while (*at != timer)
        at = &(*at)->next;
    *at = timer->next;
}

static void timer_remove(struct cpu *c, struct timer *timer)
{
    timer_unlink(c, timer);
    WRITE_ONCE(timer->queued, NULL);
}

/* Remove the timer from the list that it is on. Return false if it is not on one. */
static bool timer_dequeue(struct timer *timer)
{
    struct cpu *c;
    bool removed = false;

    while (!removed && (c = READ_ONCE(timer->queued))) {
        spin_lock(&c->timer_lock);
        removed = timer->queued == c;
        if (removed)
            timer_remove(c, timer);
        spin_unlock(&c->timer_lock);
    }
    return removed;
}

/* Remove and return the first timer if it is due. Else arm the hardware for it, and return NULL. */
static struct timer *timer_take_due(struct cpu *c)
{
    struct timer *timer;

    spin_lock(&c->timer_lock);
    timer = c->timers;
    while (timer && timer->deadline > pv_clock_ns())
        if (!pv_timer_set(timer->deadline))
            timer = NULL;
    if (timer)
        timer_remove(c, timer);
    spin_unlock(&c->timer_lock);
    return timer;
}

/*
 * A timer's owner may free it once it has fired, so it is not touched after that. If a timer that
 * fires starts another, the loop that is running takes care of that one.
 */
void timer_fire_due(void)
{
    struct cpu *c = this_cpu();
    struct timer *timer;

    if (c->firing)
        return;
    c->firing = true;
    while ((timer = timer_take_due(c)))
        timer->fire(timer);
    c->firing = false;
}

/* Put the timer on this CPU's list. Return whether it is the first. Interrupts disabled. */
static bool timer_queue(struct timer *timer, u64 deadline, void (*fire)(struct timer *timer))
{
    struct cpu *c = this_cpu();
    bool is_first;

    timer_dequeue(timer);
    timer->deadline = deadline;
    timer->fire = fire;
    spin_lock(&c->timer_lock);
    timer_insert(c, timer);
    is_first = c->timers == timer;
    spin_unlock(&c->timer_lock);
    return is_first;
}

void timer_start(struct timer *timer, u64 deadline, void (*fire)(struct timer *timer))
{
    const u64 flags = pv_irq_save();

    if (timer_queue(timer, deadline, fire))
        timer_fire_due();
    pv_restore_fl(flags);
}

/* Arm the hardware for the first timer; if that is due, for the next time that is not refused. */
static void timer_arm(struct cpu *c)
{
    u64 ns = NS_PER_US;

    spin_lock(&c->timer_lock);
    if (c->timers && pv_timer_set(c->timers->deadline))
        for (; pv_timer_set(pv_clock_ns() + ns); ns *= 2)
            ;
    spin_unlock(&c->timer_lock);
}

void timer_start_later(struct timer *timer, u64 deadline, void (*fire)(struct timer *timer))
{
    const u64 flags = pv_irq_save();
    struct cpu *c = this_cpu();

    if (timer_queue(timer, deadline, fire) && !c->firing)
        timer_arm(c);
    pv_restore_fl(flags);
}

bool timer_stop(struct timer *timer)
{
    const u64 flags = pv_irq_save();
    const struct cpu *c = this_cpu();
    const bool was_queued = timer_dequeue(timer);

    if (!READ_ONCE(c->timers) && !c->firing)
        pv_timer_stop();
    pv_restore_fl(flags);
    return was_queued;
}

/*
 * Move the timers of from, which is offline, to this CPU's list; drop its slice, which is of no use
 * elsewhere. To hold two timer locks cannot deadlock here, because every other holder of
 * from->timer_lock (timer_dequeue) holds one at a time. Both are held for the whole move because a
 * timer's owner may free a timer that is on neither list.
 */
static void move_timers(struct cpu *me, struct cpu *from)
{
    struct timer *timer;

    spin_lock(&from->timer_lock);
    spin_lock(&me->timer_lock);
    while ((timer = from->timers)) {
        if (timer == &from->slice) {
            timer_remove(from, timer);
            continue;
        }
        timer_unlink(from, timer);
        timer_insert(me, timer);
    }
    spin_unlock(&me->timer_lock);
    spin_unlock(&from->timer_lock);
}

void timers_take_over(struct cpu *c)
{
    const u64 flags = pv_irq_save();

    move_timers(this_cpu(), c);
    timer_fire_due();
    pv_restore_fl(flags);
}

struct sleeper {
    struct timer timer;
    struct thread *thread;
};

/* The sleeper is on the stack of the thread, which may run on another CPU before this returns. */
static void sleeper_fire(struct timer *timer)
{
    sched_wake(container_of(timer, struct sleeper, timer)->thread);
}

/*
 * Blocked before the timer is started, so that a timer that fires at once finds a thread to wake
 * (kernel/sched.c). Interrupts are disabled until sched_switch, so it cannot be preempted in
 * between.
 */
void sleep_until(u64 deadline)
{
    struct sleeper sleeper = {.thread = this_thread()};
    const u64 flags = pv_irq_save();

    WRITE_ONCE(sleeper.thread->state, THREAD_BLOCKED);
    timer_start(&sleeper.timer, deadline, sleeper_fire);
    sched_switch();
    pv_restore_fl(flags);
}

struct time_limit time_limit(u64 ns)
{
    return (struct time_limit){.left = ns, .last = pv_clock_ns()};
}

bool time_limit_reached(struct time_limit *limit)
{
    const u64 now = pv_clock_ns();
    const u64 passed = MIN(now - limit->last, LOOK_MAX_NS);

    limit->last = now;
    limit->left -= MIN(passed, limit->left);
    return !limit->left;
}

void time_init(void)
{
    const char *error = pv_time_init();

    if (error)
        finish(VERDICT_ERROR, "time: %s", error);
    log_info("clock: %s", pv_clock_source());
    pv_irq_enable();
}
