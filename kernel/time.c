/*
 * See kernel/time.h. Each CPU has a list of its own, sorted by deadline, under its timer_lock. Only
 * the CPU itself arms its timer and fires; another one may take a timer off the list.
 */
#include "kernel/time.h"
#include "kernel/console.h"
#include "kernel/thread.h"
#include "kernel/panic.h"

/* The list's lock is held. */
static void insert(struct cpu *c, struct timer *timer)
{
    struct timer **at = &c->timers;

    while (*at && (*at)->deadline <= timer->deadline)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
    WRITE_ONCE(timer->queued, c);
}

static void unlink_timer(struct cpu *c, const struct timer *timer)
{
    struct timer **at = &c->timers;

    while (*at != timer)
        at = &(*at)->next;
    *at = timer->next;
}

static void remove(struct cpu *c, struct timer *timer)
{
    unlink_timer(c, timer);
    WRITE_ONCE(timer->queued, NULL);
}

/* Off whichever list it is on. True if it was on one. */
static bool take_off(struct timer *timer)
{
    struct cpu *c;
    bool here = false;

    while (!here && (c = READ_ONCE(timer->queued))) {
        spin_lock(&c->timer_lock);
        here = timer->queued == c;
        if (here)
            remove(c, timer);
        spin_unlock(&c->timer_lock);
    }
    return here;
}

/*
 * Takes the first timer off if it is due, else arms the platform's timer for it and returns NULL.
 * If that refuses, the deadline has passed meanwhile.
 */
static struct timer *take_due(struct cpu *c)
{
    struct timer *timer;

    spin_lock(&c->timer_lock);
    timer = c->timers;
    while (timer && timer->deadline > pv_clock_ns())
        if (!pv_timer_set(timer->deadline))
            timer = NULL;
    if (timer)
        remove(c, timer);
    spin_unlock(&c->timer_lock);
    return timer;
}

/* A timer may be gone once it has fired. */
void timer_fire_due(void)
{
    struct cpu *c = this_cpu();
    struct timer *timer;

    if (c->firing)
        return;
    c->firing = true;
    while ((timer = take_due(c)))
        timer->fire(timer);
    c->firing = false;
}

void timer_start(struct timer *timer, u64 deadline, void (*fire)(struct timer *timer))
{
    const u64 flags = pv_irq_save();
    struct cpu *c = this_cpu();
    bool is_first;

    take_off(timer);
    timer->deadline = deadline;
    timer->fire = fire;
    spin_lock(&c->timer_lock);
    insert(c, timer);
    is_first = c->timers == timer;
    spin_unlock(&c->timer_lock);
    if (is_first)
        timer_fire_due();
    pv_restore_fl(flags);
}

bool timer_stop(struct timer *timer)
{
    const u64 flags = pv_irq_save();
    const struct cpu *c = this_cpu();
    const bool was_queued = take_off(timer);

    if (!READ_ONCE(c->timers) && !c->firing)
        pv_timer_stop();
    pv_restore_fl(flags);
    return was_queued;
}

/*
 * Move all timers of from to this CPU's list. from is down, so that only take_off locks its list
 * besides; it locks one list at a time. A timer is on one of the two lists whenever its owner
 * looks: the owner may free a timer that is on none.
 */
static void move_all(struct cpu *me, struct cpu *from)
{
    struct timer *timer;

    spin_lock(&from->timer_lock);
    spin_lock(&me->timer_lock);
    while ((timer = from->timers)) {
        if (timer == &from->slice) {
            remove(from, timer);
            continue;
        }
        unlink_timer(from, timer);
        insert(me, timer);
    }
    spin_unlock(&me->timer_lock);
    spin_unlock(&from->timer_lock);
}

void timers_take_over(struct cpu *c)
{
    const u64 flags = pv_irq_save();

    move_all(this_cpu(), c);
    timer_fire_due();
    pv_restore_fl(flags);
}

struct sleeper {
    struct timer timer;
    struct thread *thread;
};

/* The thread may go on, and the sleeper be gone, before this returns. */
static void wake(struct timer *timer)
{
    sched_wake(((struct sleeper *)timer)->thread);
}

/* A deadline that has passed fires in timer_start: then the switch is to whoever else is ready. */
void sleep_until(u64 deadline)
{
    struct sleeper sleeper = {.thread = this_thread()};
    const u64 flags = pv_irq_save();

    WRITE_ONCE(sleeper.thread->state, THREAD_BLOCKED);
    timer_start(&sleeper.timer, deadline, wake);
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
