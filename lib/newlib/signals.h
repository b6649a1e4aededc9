/* SPDX-License-Identifier: MIT */
/* Signals (signals.c): what the rest of the port uses of them. */
#ifndef LIB_NEWLIB_SIGNALS_H
#define LIB_NEWLIB_SIGNALS_H

#include "lib/newlib/thread.h"

/* Of SIGKILL and SIGSTOP, which have no handlers and cannot be blocked. */
#define SIGNALS_OF_KERNEL (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define SIGNAL_BIT(n)     ((sigset_t)1 << ((n)-1))

static inline bool is_signal(int signal)
{
    return signal > 0 && signal < NSIG;
}

/* Have the kernel report exceptions and interrupts of the program. */
void signals_attach(void);

/*
 * Generate a signal for a thread or, if it is NULL, for the process. Return 0, or EAGAIN if too
 * many signals are pending. A handler that the calling thread is to run has run on return.
 */
int signal_send(const siginfo_t *info, struct pthread *target);

/*
 * As signal_send, but if a signal of this timer is pending already, count it there (si_overrun).
 */
int signal_send_of_timer(const siginfo_t *info);

/* Note that a timer's signal has been delivered (timers.c; for timer_getoverrun). */
void timer_delivered(const siginfo_t *info);

/* Remove what is pending for a thread that ends. */
void signals_forget(const struct pthread *thread);

/* Get or replace a signal's action. */
struct sigaction signal_action(int signal);
void signal_set_action(int signal, const struct sigaction *action);

/* Replace the calling thread's mask; return the one before. Run the handlers that it unblocks. */
sigset_t signal_set_mask(sigset_t mask);

/* Return what is pending for the calling thread. */
sigset_t signals_pending(void);

/*
 * Remove a pending signal of the set that the thread waits for (0: none) and return it in *info.
 * Return false if none is pending. Until the next call with 0, signals of the set are for this
 * thread although it blocks them.
 */
bool signal_accept(sigset_t wanted, siginfo_t *info);

/* Return the signal of an exception. */
siginfo_t signal_of_exception(const struct libc_context *context);

/* End the program by a signal's default action. */
void signal_kill(int signal) __attribute__((noreturn));

#endif
