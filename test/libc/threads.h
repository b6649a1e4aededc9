/* SPDX-License-Identifier: MIT */
/* Helpers for tests of libc's threads. Include test/harness/test.h first. */
#ifndef TEST_LIBC_THREADS_H
#define TEST_LIBC_THREADS_H

#include <stdint.h>
#include <time.h>

#define THREADS 4

/*
 * Run the function in THREADS threads at once, each with its number; return the sum of their
 * results.
 */
uintptr_t run_all(void *(*run)(void *));

/*
 * Return the time ms milliseconds from now; return whether this time of CLOCK_MONOTONIC has passed.
 */
struct timespec in_ms(clockid_t clock, long ms);
bool is_over(const struct timespec *end);

#endif
