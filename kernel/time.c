/* See kernel/time.h. The list is sorted by deadline, and touched with interrupts disabled only. */
#include "kernel/time.h"
#include "kernel/console.h"
#include "kernel/verdict.h"
#include "pv/pv.h"

static struct timer *first;
static bool firing; /* fire_due runs: it will arm the timer when it is done */

static void insert(struct timer *timer)
{
    struct timer **at = &first;

    while (*at && (*at)->deadline <= timer->deadline)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
    timer->queued = true;
}

static bool remove(struct timer *timer)
{
    struct timer **at = &first;

    if (!timer->queued)
        return false;
    while (*at != timer)
        at = &(*at)->next;
    *at = timer->next;
    timer->queued = false;
    return true;
}

/*
 * Fires what is due, and arms the platform's timer for the rest. If that refuses, since the next
 * deadline has passed meanwhile, there is more to fire.
 */
static void fire_due(void)
{
    if (firing)
        return;
    firing = true;
    do {
        while (first && first->deadline <= pv_clock_ns()) {
            struct timer *timer = first;

            remove(timer);
            timer->fire(timer);
        }
    } while (first && pv_timer_set(first->deadline));
    firing = false;
}

void timer_interrupt(void)
{
    fire_due();
}

void timer_start(struct timer *timer, u64 deadline, void (*fire)(struct timer *timer))
{
    const u64 flags = pv_save_fl();

    pv_irq_disable();
    remove(timer);
    timer->deadline = deadline;
    timer->fire = fire;
    insert(timer);
    if (first == timer)
        fire_due();
    pv_restore_fl(flags);
}

bool timer_stop(struct timer *timer)
{
    const u64 flags = pv_save_fl();
    bool was_queued;

    pv_irq_disable();
    was_queued = remove(timer);
    if (!first && !firing)
        pv_timer_stop();
    pv_restore_fl(flags);
    return was_queued;
}

struct sleeper {
    struct timer timer;
    bool awake;
};

static void wake(struct timer *timer)
{
    struct sleeper *sleeper = (struct sleeper *)timer;

    WRITE_ONCE(sleeper->awake, true);
}

void sleep_until(u64 deadline)
{
    const u64 flags = pv_save_fl();
    struct sleeper sleeper = {0};

    pv_irq_disable();
    timer_start(&sleeper.timer, deadline, wake);
    while (!READ_ONCE(sleeper.awake)) {
        pv_safe_halt();
        pv_irq_disable();
    }
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
