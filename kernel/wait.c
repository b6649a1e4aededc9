/* SPDX-License-Identifier: MIT */
/* Wait queues, and the mutex that is built on one (kernel/thread.h). */
#include "kernel/panic.h"
#include "kernel/thread.h"

/*
 * The state is THREAD_BLOCKED before the queue's lock is released, so that no wake-up is lost: a
 * waker that gets the lock next finds this thread in the queue and makes it ready, even if it has
 * not reached sched_switch yet (kernel/sched.c).
 */
u64 wait_on(struct wait_queue *queue, u64 flags)
{
    struct thread *t = this_thread(), **at = &queue->first;

    while (*at)
        at = &(*at)->next_wait;
    *at = t;
    t->next_wait = NULL;
    WRITE_ONCE(t->state, THREAD_BLOCKED);
    spin_unlock(&queue->lock);
    sched_switch();
    pv_restore_fl(flags);
    return spin_lock_irqsave(&queue->lock);
}

void wake_one_locked(struct wait_queue *queue)
{
    struct thread *t = queue->first;

    if (!t)
        return;
    queue->first = t->next_wait;
    sched_wake(t);
}

void wake_all_locked(struct wait_queue *queue)
{
    while (queue->first)
        wake_one_locked(queue);
}

/* mutex_unlock makes the first waiter the owner, so no thread that comes later can overtake it. */
void mutex_lock(struct mutex *m)
{
    u64 flags = spin_lock_irqsave(&m->queue.lock);

    if (m->owner == this_thread())
        panic("deadlock: thread %s waits for a mutex that it holds itself", this_thread()->name);
    if (!m->owner)
        m->owner = this_thread();
    while (m->owner != this_thread())
        flags = wait_on(&m->queue, flags);
    spin_unlock_irqrestore(&m->queue.lock, flags);
}

void mutex_unlock(struct mutex *m)
{
    const u64 flags = spin_lock_irqsave(&m->queue.lock);

    if (m->owner != this_thread())
        panic("thread %s unlocks a mutex that it does not hold", this_thread()->name);
    m->owner = m->queue.first;
    wake_one_locked(&m->queue);
    spin_unlock_irqrestore(&m->queue.lock, flags);
}
