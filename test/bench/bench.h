/*
 * The benchmark's vocabulary, for the payload "bench" (test/bench/bench.c).
 *
 * BENCH(group, name, "unit") { … return value; } defines and registers one measurement; the group
 * "op" is for ops, each under its own name. One line is printed for each: `bench GROUP.NAME VALUE
 * UNIT`, or `bench GROUP.NAME - REASON` where it measures nothing; below one that bench_per_call
 * has measured, `# hypercalls GROUP.NAME N of 100 calls`. Under QEMU's -icount a tick of the TSC is
 * an instruction, the hypervisor's share included, and two runs print the same.
 */
#ifndef TEST_BENCH_H
#define TEST_BENCH_H

#include "lib/types.h"

struct bench {
    const char *name;     /* group.name */
    const char *unit;     /* or why there is nothing to measure */
    u64 (*measure)(void); /* begins with interrupts disabled; NULL: nothing to measure */
};

/* What measure returns if there is nothing to measure here; the line then says why. */
#define BENCH_NONE (~0ull)
u64 bench_none(const char *why);

#define BENCH_ENTRY(group, ident, unit, measure) \
    static const struct bench bench_entry_##group##_##ident __used __section(".benches." #group) \
        __aligned(8) = {#group "." #ident, unit, measure}

#define BENCH(group, ident, unit) \
    static u64 bench_##group##_##ident(void); \
    BENCH_ENTRY(group, ident, unit, bench_##group##_##ident); \
    static u64 bench_##group##_##ident(void)

/* The ticks that one call of this statement takes: BENCH_CALL(op, read_cr0, pv_read_cr0()). */
#define BENCH_CALL(group, ident, ...) \
    static void bench_loop_##group##_##ident(u32 count) \
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

/* An op that cannot be called over and over, and why. */
#define BENCH_NOT(ident, why) BENCH_ENTRY(op, ident, why, NULL)

/*
 * Ticks per call, rounded, of what loop(count) does count times: the least of several rounds, so
 * that whatever interrupts one does not count, less what an empty loop takes. MUST be repeatable.
 */
u64 bench_per_call(void (*loop)(u32 count));

/* The TSC's value when the payload began. */
extern u64 bench_begun;

#endif
