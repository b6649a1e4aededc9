/* SPDX-License-Identifier: MIT */
/* Limits for waits (drivers/deadline.h). */
#include "drivers/deadline.h"
#include "pv/pv.h"

static void on_deadline(struct timer *timer)
{
    struct deadline *d = container_of(timer, struct deadline, timer);
    struct wait_queue *const queue = d->queue;
    const u64 flags = spin_lock_irqsave(&queue->lock);

    d->passed = true;
    wake_all_locked(queue);
    spin_unlock_irqrestore(&queue->lock, flags);
}

void deadline_start(struct deadline *d, struct wait_queue *queue, u64 ns)
{
    *d = (struct deadline){.queue = queue};
    timer_start(&d->timer, pv_clock_ns() + ns, on_deadline);
}

/*
 * on_deadline may be running on another CPU. When it has set passed and released the lock, it does
 * not touch d any more.
 */
void deadline_stop(struct deadline *d)
{
    u64 flags;

    if (timer_stop(&d->timer))
        return;
    flags = spin_lock_irqsave(&d->queue->lock);
    while (!d->passed)
        flags = wait_on(d->queue, flags);
    spin_unlock_irqrestore(&d->queue->lock, flags);
}
