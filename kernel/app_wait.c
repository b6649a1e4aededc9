/*
 * How threads of programs wait for each other (lib/newlib/services.h): on a word of memory. All who
 * wait are in one list, under one lock; each has a queue of its own, so that a deadline wakes only
 * him. Whoever wakes holds both locks until he has done with the waiter, which lies on its thread's
 * stack.
 */
#include "kernel/thread.h"
#include "lib/newlib/services.h"

struct waiter {
    struct timer timer; /* first: a timer that fires is its waiter */
    const u32 *word;
    struct waiter *next;
    struct wait_queue queue;
    bool woken, late;
};

/* Guarded by: lock. */
static struct spinlock lock = SPINLOCK("waiters");
static struct waiter *first;

static void wake_waiter(struct waiter *w, bool *why)
{
    const u64 flags = spin_lock_irqsave(&w->queue.lock);

    WRITE_ONCE(*why, true);
    wake_all_locked(&w->queue);
    spin_unlock_irqrestore(&w->queue.lock, flags);
}

static void fire(struct timer *timer)
{
    struct waiter *w = (struct waiter *)timer;

    wake_waiter(w, &w->late);
}

/* False if the word has changed already: then there is nothing to wait for. */
static bool add(struct waiter *w, u32 value)
{
    struct waiter **at = &first;
    bool same;

    spin_lock(&lock);
    same = __atomic_load_n(w->word, __ATOMIC_SEQ_CST) == value;
    while (*at)
        at = &(*at)->next;
    if (same)
        *at = w;
    spin_unlock(&lock);
    return same;
}

/* Whoever wakes takes the waiter out; at the deadline it does so itself. */
static void leave(struct waiter *w)
{
    struct waiter **at = &first;

    spin_lock(&lock);
    while (*at && *at != w)
        at = &(*at)->next;
    if (*at)
        *at = w->next;
    spin_unlock(&lock);
}

bool libc_wait(const uint32_t *word, uint32_t value, uint64_t deadline)
{
    struct waiter w = {.word = word, .queue = {.lock = SPINLOCK("waiter")}};

    if (!add(&w, value))
        return true;
    if (deadline != UINT64_MAX)
        timer_start(&w.timer, deadline, fire);
    wait_until(&w.queue, READ_ONCE(w.woken) || READ_ONCE(w.late));
    if (deadline != UINT64_MAX && !timer_stop(&w.timer)) /* it fires, or has */
        wait_until(&w.queue, READ_ONCE(w.late));
    leave(&w);
    return w.woken;
}

void libc_wake(const uint32_t *word, unsigned count)
{
    struct waiter **at = &first, *w;

    spin_lock(&lock);
    while ((w = *at) && count) {
        if (w->word != word) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        count--;
        wake_waiter(w, &w->woken);
    }
    spin_unlock(&lock);
}
