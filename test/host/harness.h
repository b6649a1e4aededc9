/* SPDX-License-Identifier: MIT */
/*
 * How to write a host test: one program with functions of CHECKs, and a main() that RUNs them and
 * returns finish(). A CHECK that fails is printed and counted; the function continues.
 */
#ifndef TEST_HOST_HARNESS_H
#define TEST_HOST_HARNESS_H

/*
 * Include libc's headers first, because lib/types.h defines names like __unused that they use
 * differently.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/types.h"

#define FAILURES_MAX 20 /* printed; more would not help */

static unsigned long checks;
static unsigned long failures;
static const char *current;

#define RUN(test) (current = #test, test())
#define CHECK(condition) \
    ((condition) ? (void)checks++ : fail_at(__FILE__, __LINE__, "%s", #condition))
#define CHECK_EQ(got, want) check_eq(__FILE__, __LINE__, #got, (u64)(got), (u64)(want))
/* Either string may be NULL. */
#define CHECK_STR(got, want) check_str(__FILE__, __LINE__, #got, got, want)

static __unused __printf(3, 4) void fail_at(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "%s:%d: %s: not so: ", file, line, current);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    if (++failures == FAILURES_MAX)
        exit(1);
}

static __unused void check_eq(const char *file, int line, const char *what, u64 got, u64 want)
{
    if (got == want)
        checks++;
    else
        fail_at(file, line, "%s is %#lx, not %#lx", what, got, want);
}

static __unused void check_str(const char *file, int line, const char *what, const char *got,
                               const char *want)
{
    if (got == want || (got && want && strcmp(got, want) == 0))
        checks++;
    else
        fail_at(file, line, "%s is \"%s\", not \"%s\"", what, got ? got : "(null)",
                want ? want : "(null)");
}

/*
 * Return the next number of Marsaglia's xorshift64: the same sequence in every run, so that a
 * failure can be repeated.
 */
static __unused u64 random_u64(void)
{
    static u64 state = 0x9e3779b97f4a7c15;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static __unused void random_bytes(u8 *to, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (u8)random_u64();
}

/* Expect that each byte still has the value that it was given. */
static __unused void check_bytes(const u8 *bytes, size_t count, u8 value)
{
    for (size_t i = 0; i < count; i++)
        CHECK_EQ(bytes[i], value);
}

/* Print the result; main() returns this. */
static __unused int finish(const char *subject)
{
    printf("host %-12s %8lu checks, %lu failed\n", subject, checks, failures);
    return failures || !checks;
}

#endif
