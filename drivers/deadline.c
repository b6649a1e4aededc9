/* SPDX-License-Identifier: MIT */
/*
 * Limits for waits (drivers/deadline.h). The deadline of an answer runs as a sequence of short
 * timers. The time in which the machine is suspended, or its vCPUs are paused, passes within one of
 * them and counts as one, because the other side did not get the time to answer either.
 */
#include "drivers/deadline.h"
#include "pv/pv.h"

#define PART_NS      (100 * NS_PER_MS)
#define PART_LONG_NS (3600 * NS_PER_S)

static void on_part(struct timer *timer);

static void start_part(struct deadline *d)
{
    const u64 ns = MIN(d->left, d->part);

    d->left -= ns;
    timer_start(&d->timer, pv_clock_ns() + ns, on_part);
}

static void on_part(struct timer *timer)
{
    struct deadline *d = container_of(timer, struct deadline, timer);
    struct wait_queue *const queue = d->queue;
    const u64 flags = spin_lock_irqsave(&queue->lock);

    if (d->left && !d->stopped) {
        start_part(d);
    } else {
        d->passed = true;
        wake_all_locked(queue);
    }
    spin_unlock_irqrestore(&queue->lock, flags);
}

void deadline_start(struct deadline *d, struct wait_queue *queue, u64 ns)
{
    *d = (struct deadline){.queue = queue, .left = ns, .part = PART_NS};
    start_part(d);
}

void deadline_start_plain(struct deadline *d, struct wait_queue *queue, u64 ns)
{
    *d = (struct deadline){.queue = queue, .left = ns, .part = PART_LONG_NS};
    start_part(d);
}

/*
 * on_part may be running on another CPU. With stopped set, it sets passed when it has the lock, and
 * when it has released the lock, it does not touch d any more.
 */
void deadline_stop(struct deadline *d)
{
    u64 flags = spin_lock_irqsave(&d->queue->lock);

    d->stopped = true;
    if (!timer_stop(&d->timer))
        while (!d->passed)
            flags = wait_on(d->queue, flags);
    spin_unlock_irqrestore(&d->queue->lock, flags);
}
