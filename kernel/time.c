/*
 * See kernel/time.h. Each CPU has a list of its own, sorted by deadline, under its timer_lock. Only
 * the CPU itself arms its timer and fires; another one may take a timer off the list.
 */
#include "kernel/time.h"
#include "kernel/console.h"
#include "kernel/thread.h"
#include "kernel/verdict.h"

/* The list's lock is held. */
static void insert(struct cpu *c, struct timer *timer)
{
    struct timer **at = &c->timers;

    while (*at && (*at)->deadline <= timer->deadline)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
    timer->cpu = c->area.number;
    WRITE_ONCE(timer->queued, true);
}

static void remove(struct cpu *c, struct timer *timer)
{
    struct timer **at = &c->timers;

    while (*at != timer)
        at = &(*at)->next;
    *at = timer->next;
    WRITE_ONCE(timer->queued, false);
}

/* Off whichever list it is on. True if it was on one. */
static bool take_off(struct timer *timer)
{
    while (READ_ONCE(timer->queued)) {
        struct cpu *c = &cpus[READ_ONCE(timer->cpu)];
        bool here;

        spin_lock(&c->timer_lock);
        here = timer->queued && timer->cpu == c->area.number;
        if (here)
            remove(c, timer);
        spin_unlock(&c->timer_lock);
        if (here)
            return true;
    }
    return false;
}

static struct timer *take_due(struct cpu *c)
{
    struct timer *timer;

    spin_lock(&c->timer_lock);
    timer = c->timers;
    if (timer && timer->deadline <= pv_clock_ns())
        remove(c, timer);
    else
        timer = NULL;
    spin_unlock(&c->timer_lock);
    return timer;
}

/* The next deadline is armed; false if it has passed. */
static bool arm(struct cpu *c)
{
    bool armed;

    spin_lock(&c->timer_lock);
    armed = !c->timers || !pv_timer_set(c->timers->deadline);
    spin_unlock(&c->timer_lock);
    return armed;
}

/*
 * Fires what is due, and arms the platform's timer for the rest. If that refuses, since the next
 * deadline has passed meanwhile, there is more to fire. A timer may be gone once it has fired.
 */
static void fire_due(void)
{
    struct cpu *c = this_cpu();
    struct timer *timer;

    if (c->firing)
        return;
    c->firing = true;
    do
        while ((timer = take_due(c)))
            timer->fire(timer);
    while (!arm(c));
    c->firing = false;
}

void timer_interrupt(void)
{
    fire_due();
}

void timer_start(struct timer *timer, u64 deadline, void (*fire)(struct timer *timer))
{
    const u64 flags = pv_save_fl();
    struct cpu *c;
    bool is_first;

    pv_irq_disable();
    c = this_cpu();
    take_off(timer);
    timer->deadline = deadline;
    timer->fire = fire;
    spin_lock(&c->timer_lock);
    insert(c, timer);
    is_first = c->timers == timer;
    spin_unlock(&c->timer_lock);
    if (is_first)
        fire_due();
    pv_restore_fl(flags);
}

bool timer_stop(struct timer *timer)
{
    const u64 flags = pv_save_fl();
    bool was_queued;

    pv_irq_disable();
    was_queued = take_off(timer);
    if (!READ_ONCE(this_cpu()->timers) && !this_cpu()->firing)
        pv_timer_stop();
    pv_restore_fl(flags);
    return was_queued;
}

/* That CPU is down. */
void timers_take_over(u32 cpu)
{
    while (READ_ONCE(cpus[cpu].timers)) {
        struct timer *timer = cpus[cpu].timers;

        if (timer == &cpus[cpu].slice)
            take_off(timer);
        else
            timer_start(timer, timer->deadline, timer->fire);
    }
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
    const u64 flags = pv_save_fl();
    struct sleeper sleeper = {.thread = this_thread()};

    pv_irq_disable();
    WRITE_ONCE(this_thread()->state, THREAD_BLOCKED);
    timer_start(&sleeper.timer, deadline, wake);
    sched_switch();
    pv_restore_fl(flags);
}

void time_init(void)
{
    const char *error = pv_time_init();

    if (error)
        finish(VERDICT_ERROR, "time: %s", error);
    log_info("clock: %s", pv_clock_source());
    pv_irq_enable();
}
