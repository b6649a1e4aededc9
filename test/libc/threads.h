/* For the tests of libc's threads; include test/harness/test.h before. */
#ifndef TEST_LIBC_THREADS_H
#define TEST_LIBC_THREADS_H

#include <stdint.h>
#include <time.h>

#define THREADS 4

/* Runs on THREADS threads at once, each with its number; what each returns is summed. */
uintptr_t run_all(void *(*run)(void *));

/* The time in so many milliseconds from now; has this time of CLOCK_MONOTONIC come? */
struct timespec in_ms(clockid_t clock, long ms);
bool is_over(const struct timespec *end);

#endif
