/* Waiting asleep: wait queues, and the mutex that is made of one (kernel/thread.h). */
#include "kernel/panic.h"
#include "kernel/thread.h"

/*
 * Blocked before the queue's lock is left: whoever then makes the condition hold finds this thread
 * in the queue, and if it has not gone to sleep yet it will find itself ready (sched_switch).
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

/* The owner hands it to the thread that has waited longest: nobody can overtake that. */
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
