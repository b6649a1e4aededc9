/* SPDX-License-Identifier: MIT */
/*
 * Cancellation of threads (IEEE Std 1003.1-2017, pthread_cancel), and cleanup handlers.
 *
 * pthread_cancel sets INTERRUPT_CANCEL of the thread and wakes it if it waits. The thread ends
 * itself at its next cancellation point: pthread_testcancel, or a function that waits by
 * wait_cancellable (pthread_join, the waits of conditions and semaphores, sleep). The kernel checks
 * the word under the same lock as the word that the function waits for, so a cancellation between
 * the check here and the sleep there is not lost. A mutex is not a cancellation point.
 *
 * A thread of type PTHREAD_CANCEL_ASYNCHRONOUS is interrupted as by a signal, and ends then, too.
 *
 * All waits run handlers of signals that arrive in the meantime (signals.c).
 */
#define _GNU_SOURCE /* newlib declares the newest functions only then */

#include <errno.h>
#include <limits.h>

#include "lib/newlib/thread.h"

bool is_cancelled(void)
{
    const struct pthread *t = this_pthread();

    return __atomic_load_n(&t->interrupts, __ATOMIC_SEQ_CST) & INTERRUPT_CANCEL && !t->exiting &&
           t->cancel_state == PTHREAD_CANCEL_ENABLE;
}

bool wait_cancellable(const uint32_t *word, uint32_t value, uint64_t deadline)
{
    const struct pthread *t = this_pthread();
    const bool may_end = !t->exiting && t->cancel_state == PTHREAD_CANCEL_ENABLE;
    const struct libc_interrupt interrupt = {
        &t->interrupts, may_end ? INTERRUPT_SIGNAL | INTERRUPT_CANCEL : INTERRUPT_SIGNAL};
    const bool in_time = libc_wait_interruptible(word, value, interrupt, deadline);

    signals_point();
    return in_time;
}

bool wait_uncancellable(const uint32_t *word, uint32_t value, uint64_t deadline)
{
    const struct libc_interrupt interrupt = {&this_pthread()->interrupts, INTERRUPT_SIGNAL};
    const bool in_time = libc_wait_interruptible(word, value, interrupt, deadline);

    signals_point();
    return in_time;
}

bool sleep_cancellable(uint64_t deadline)
{
    const struct pthread *t = this_pthread();
    const uint32_t handled = t->handled, never = 0;
    bool in_time = true;

    while (in_time && t->handled == handled) {
        pthread_testcancel();
        in_time = wait_cancellable(&never, 0, deadline);
    }
    return !in_time;
}

void pthread_testcancel(void)
{
    if (is_cancelled())
        pthread_exit(PTHREAD_CANCELED);
}

int pthread_cancel(pthread_t id)
{
    struct pthread *t = thread_get(id);

    if (t) {
        __atomic_or_fetch(&t->interrupts, INTERRUPT_CANCEL, __ATOMIC_SEQ_CST);
        libc_wake(&t->interrupts, UINT_MAX);
        if (t != this_pthread() && t->cancel_type == PTHREAD_CANCEL_ASYNCHRONOUS)
            libc_interrupt(t->kernel);
    }
    thread_put();
    if (t == this_pthread() && t->cancel_type == PTHREAD_CANCEL_ASYNCHRONOUS)
        pthread_testcancel();
    return t ? 0 : ESRCH;
}

int pthread_setcancelstate(int state, int *old)
{
    struct pthread *t = this_pthread();

    if (state != PTHREAD_CANCEL_ENABLE && state != PTHREAD_CANCEL_DISABLE)
        return EINVAL;
    if (old)
        *old = t->cancel_state;
    t->cancel_state = state;
    if (t->cancel_type == PTHREAD_CANCEL_ASYNCHRONOUS)
        pthread_testcancel();
    return 0;
}

int pthread_setcanceltype(int type, int *old)
{
    struct pthread *t = this_pthread();

    if (type != PTHREAD_CANCEL_DEFERRED && type != PTHREAD_CANCEL_ASYNCHRONOUS)
        return EINVAL;
    if (old)
        *old = t->cancel_type;
    t->cancel_type = type;
    if (type == PTHREAD_CANCEL_ASYNCHRONOUS)
        pthread_testcancel();
    return 0;
}

/* ---- Cleanup handlers ------------------------------------------------------------------------ */

void _pthread_cleanup_push(struct _pthread_cleanup_context *c, void (*routine)(void *), void *arg)
{
    struct pthread *t = this_pthread();

    *c = (struct _pthread_cleanup_context){routine, arg, t->cancel_type, t->cleanup};
    t->cleanup = c;
}

void _pthread_cleanup_pop(struct _pthread_cleanup_context *c, int execute)
{
    this_pthread()->cleanup = c->_previous;
    if (execute)
        c->_routine(c->_arg);
}

/* The same, with deferred cancellation in between. */
void _pthread_cleanup_push_defer(struct _pthread_cleanup_context *c, void (*routine)(void *),
                                 void *arg)
{
    _pthread_cleanup_push(c, routine, arg);
    this_pthread()->cancel_type = PTHREAD_CANCEL_DEFERRED;
}

void _pthread_cleanup_pop_restore(struct _pthread_cleanup_context *c, int execute)
{
    this_pthread()->cancel_type = c->_canceltype;
    _pthread_cleanup_pop(c, execute);
}
