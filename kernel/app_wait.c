/* SPDX-License-Identifier: MIT */
/*
 * How threads of programs wait for each other (kernel/services.h, libc_wait and libc_wake): on
 * a word of memory, as by a futex. All waiters are in one list, in the order in which they came,
 * under one lock. Each has a wait queue of its own, so that its deadline wakes only itself. A waker
 * holds both locks until it does not touch the waiter any more, because the waiter is on the stack
 * of its thread. A handler of interrupts may wake (kernel/app_console.c), so interrupts are
 * disabled under the locks.
 */
#include "kernel/services.h"
#include "kernel/thread.h"

struct waiter {
    struct timer timer; /* its deadline */
    const u32 *word;
    struct libc_interrupt interrupt;
    struct waiter *next;
    struct wait_queue queue;
    bool woken, late;
};

/* Guarded by: waiters_lock. */
static struct spinlock waiters_lock = SPINLOCK("waiters");
static struct waiter *first_waiter;

/* Wake the waiter, and set *why, which is its field woken or late. */
static void wake_waiter(struct waiter *w, bool *why)
{
    const u64 flags = spin_lock_irqsave(&w->queue.lock);

    WRITE_ONCE(*why, true);
    wake_all_locked(&w->queue);
    spin_unlock_irqrestore(&w->queue.lock, flags);
}

static void waiter_deadline(struct timer *timer)
{
    struct waiter *w = container_of(timer, struct waiter, timer);

    wake_waiter(w, &w->late);
}

static bool is_interrupted(const struct waiter *w)
{
    return w->interrupt.word &&
           __atomic_load_n(w->interrupt.word, __ATOMIC_SEQ_CST) & w->interrupt.bits;
}

/*
 * Append the waiter to the list. Return false if its word does not have the value any more or it is
 * interrupted.
 */
static bool waiter_add(struct waiter *w, u32 value)
{
    struct waiter **at = &first_waiter;
    bool same;
    const u64 flags = spin_lock_irqsave(&waiters_lock);

    same = __atomic_load_n(w->word, __ATOMIC_SEQ_CST) == value && !is_interrupted(w);
    while (*at)
        at = &(*at)->next;
    if (same)
        *at = w;
    spin_unlock_irqrestore(&waiters_lock, flags);
    return same;
}

/* libc_wake has removed the waiter already; after its deadline it is still in the list. */
static void waiter_remove(struct waiter *w)
{
    const u64 flags = spin_lock_irqsave(&waiters_lock);
    struct waiter **at = &first_waiter;

    while (*at && *at != w)
        at = &(*at)->next;
    if (*at)
        *at = w->next;
    spin_unlock_irqrestore(&waiters_lock, flags);
}

bool libc_wait_interruptible(const uint32_t *word, uint32_t value, struct libc_interrupt interrupt,
                             uint64_t deadline)
{
    struct waiter w = {.word = word, .interrupt = interrupt, .queue = {.lock = SPINLOCK("waiter")}};

    if (!waiter_add(&w, value))
        return true;
    if (deadline != UINT64_MAX)
        timer_start(&w.timer, deadline, waiter_deadline);
    wait_until(&w.queue, READ_ONCE(w.woken) || READ_ONCE(w.late));
    if (deadline != UINT64_MAX && !timer_stop(&w.timer)) /* it is firing, or has fired */
        wait_until(&w.queue, READ_ONCE(w.late));
    waiter_remove(&w);
    return w.woken;
}

bool libc_wait(const uint32_t *word, uint32_t value, uint64_t deadline)
{
    return libc_wait_interruptible(word, value, (struct libc_interrupt){NULL, 0}, deadline);
}

void libc_wake(const uint32_t *word, unsigned count)
{
    const u64 flags = spin_lock_irqsave(&waiters_lock);
    struct waiter **at = &first_waiter, *w;

    while ((w = *at) && count) {
        if (w->word != word && w->interrupt.word != word) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        count--;
        wake_waiter(w, &w->woken);
    }
    spin_unlock_irqrestore(&waiters_lock, flags);
}
