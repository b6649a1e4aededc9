/* SPDX-License-Identifier: MIT */
/*
 * How to write a measurement for the payload "bench" (test/bench/bench.c).
 *
 * BENCH(group, name, "unit") { … return value; } defines and registers one measurement; the group
 * "op" is for ops, each under its own name. Each prints one line: `bench GROUP.NAME VALUE UNIT`, or
 * `bench GROUP.NAME - REASON` if it measures nothing, and after one that used bench_per_call, `#
 * hypercalls GROUP.NAME N of 100 calls`. Under QEMU's -icount a tick of the TSC is one instruction,
 * the hypervisor's included, and two runs print the same numbers.
 */
#ifndef TEST_BENCH_BENCH_H
#define TEST_BENCH_BENCH_H

#include "lib/types.h"

struct bench {
    const char *name;     /* group.name */
    const char *unit;     /* or the reason why nothing is measured */
    u64 (*measure)(void); /* called with interrupts disabled; NULL: nothing to measure */
};

/*
 * Returned by measure if there is nothing to measure on this platform; the line then has the
 * reason.
 */
#define BENCH_NONE (~0ull)
u64 bench_none(const char *why);

#define BENCH_ENTRY(group, ident, unit, measure) \
    static const struct bench bench_entry_##group##_##ident __used __section(".benches." #group) \
        __aligned(8) = {#group "." #ident, unit, measure}

#define BENCH(group, ident, unit) \
    static u64 bench_##group##_##ident(void); \
    BENCH_ENTRY(group, ident, unit, bench_##group##_##ident); \
    static u64 bench_##group##_##ident(void)

/*
 * Define a function that executes something count times. Its first 128 bytes are in one page: near
 * the end of one, Xen reads two pages to emulate an instruction, and the figure would depend on
 * where the linker put the function.
 */
#define BENCH_LOOP(ident) static __aligned(128) void ident(u32 count)

/* Measure the ticks of one execution of this statement: BENCH_CALL(op, read_cr0, pv_read_cr0()). */
#define BENCH_CALL(group, ident, ...) \
    BENCH_LOOP(bench_loop_##group##_##ident) \
    { \
        for (; count; count--) { \
            __VA_ARGS__; \
            barrier(); \
        } \
    } \
    BENCH(group, ident, "ticks") \
    { \
        return bench_per_call(bench_loop_##group##_##ident); \
    }

/* An op that cannot be called repeatedly, and the reason. */
#define BENCH_NOT(ident, why) BENCH_ENTRY(op, ident, why, NULL)

/*
 * Return the rounded ticks per call of loop(count), which executes something count times: the least
 * of several rounds, so that interruptions do not count, minus the cost of an empty loop. loop must
 * be repeatable.
 */
u64 bench_per_call(void (*loop)(u32 count));

/* The TSC at the start of the payload. */
extern u64 bench_start_tsc;

#endif
