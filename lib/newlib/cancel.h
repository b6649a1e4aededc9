/* SPDX-License-Identifier: MIT */
/* Cancellation of threads (cancel.c): what functions that wait use of it. */
#ifndef LIB_NEWLIB_CANCEL_H
#define LIB_NEWLIB_CANCEL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Sleep until libc_clock_ns has reached the deadline, or a handler of a signal has run. Return
 * whether it was the deadline. A cancellation point.
 */
bool sleep_cancellable(uint64_t deadline);

/*
 * As libc_wait, and a cancellation point: return early if the thread is to end. The caller then
 * restores what its cleanup handlers expect, and calls pthread_testcancel().
 */
bool wait_cancellable(const uint32_t *word, uint32_t value, uint64_t deadline);

/*
 * As libc_wait, but return early, too, when handlers of signals have run. wait_cancellable does the
 * same.
 */
bool wait_uncancellable(const uint32_t *word, uint32_t value, uint64_t deadline);

/* Whether pthread_testcancel() would end the calling thread. */
bool is_cancelled(void);

#endif
