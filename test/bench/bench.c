/* SPDX-License-Identifier: MIT */
/*
 * The payload "bench": run every measurement that matches test=GLOB[,GLOB...] and print a line for
 * each. The measurements are in the other files of this folder; ./run.sh bench compares the lines
 * with a baseline.
 */
#include "test/bench/bench.h"
#include "kernel/app.h"
#include "kernel/console.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "kernel/sites.h"
#include "lib/string.h"
#include "pv/pv.h"
#include "test/harness/text.h"

enum {
    ROUNDS = 3,
    CALLS_MIN = 16,
    CALLS_MAX = 16384,
    ROUND_TICKS = 300000, /* approximate length of a round */
};

#define UNKNOWN (~0ull)

extern const struct bench _benches_start[], _benches_end[];

u64 bench_start_tsc;

static const char *none;
static u64 hypercalls_of_100; /* hypercalls in 100 calls of the last measurement */

u64 bench_none(const char *why)
{
    none = why;
    return BENCH_NONE;
}

static void empty_loop(u32 count)
{
    for (; count; count--)
        barrier();
}

static u64 ticks_of(void (*loop)(u32), u32 count)
{
    u64 before;

    pv_irq_disable();
    before = pv_read_tsc();
    loop(count);
    return pv_read_tsc() - before;
}

static u64 least_ticks_of(void (*loop)(u32), u32 count)
{
    u64 least = ~0ull;

    for (u32 i = 0; i < ROUNDS; i++) {
        const u64 ticks = ticks_of(loop, count);

        least = MIN(least, ticks);
    }
    return least;
}

/*
 * Return how many calls take ROUND_TICKS, so that the cost of reading the TSC, which is high under
 * some hypervisors, is negligible. The rounds that determine this also do all first-time work.
 */
static u32 calls_a_round(void (*loop)(u32))
{
    u32 count = CALLS_MIN;

    while (count < CALLS_MAX && ticks_of(loop, count) < ROUND_TICKS)
        count *= 2;
    return count;
}

static u64 hypercalls(void)
{
    u64 updates;

    return pv_hypercall_count(&updates);
}

u64 bench_per_call(void (*loop)(u32))
{
    const u32 count = calls_a_round(loop);
    const u64 empty = least_ticks_of(empty_loop, count);
    const u64 before = hypercalls();
    const u64 full = least_ticks_of(loop, count);

    hypercalls_of_100 = (hypercalls() - before) * 100 / (count * ROUNDS);
    return full < empty ? 0 : (full - empty + count / 2) / count;
}

static void run_bench(const struct bench *b)
{
    u64 value;

    none = b->unit;
    hypercalls_of_100 = UNKNOWN;
    pv_irq_disable();
    value = b->measure ? b->measure() : BENCH_NONE;
    if (value == BENCH_NONE) {
        print("bench %s - %s\n", b->name, none);
        return;
    }
    print("bench %s %llu %s\n", b->name, (unsigned long long)value, b->unit);
    if (hypercalls_of_100 != UNKNOWN)
        print("# hypercalls %s %llu of 100 calls\n", b->name,
              (unsigned long long)hypercalls_of_100);
}

/* One line: "# site OP KIND COUNT CODE". */
static void print_sites_of(u32 op, u32 state)
{
    struct pv_site_code code, last;
    char name[SYMTAB_NAME_MAX];
    u32 count = 0;

    for (const struct pv_site *site = pv_sites; site < pv_sites_end; site++) {
        if (site->op != op)
            continue;
        pv_site_code(site, &code);
        if (code.state != state)
            continue;
        last = code;
        count++;
    }
    if (count)
        print("# site %s %s %u %s\n", pv_op_name(op), sites_states[state], count,
              sites_code_text(&last, name));
}

static void print_sites_by_op(void)
{
    for (u32 op = 0; op < PV_NR_OPS; op++)
        for (u32 state = 0; state < PV_NR_STATES; state++)
            print_sites_of(op, state);
}

static void bench_run(void)
{
    u32 count = 0;

    bench_start_tsc = pv_read_tsc();
    app_attach_libc();
    if (!strcmp(cmdline.test, "*"))
        print_sites_by_op();
    for (const struct bench *b = _benches_start; b < _benches_end; b++)
        if (glob_list_match(cmdline.test, b->name)) {
            run_bench(b);
            count++;
        }
    if (!count)
        finish(VERDICT_ERROR, "test=%s matches no measurement", cmdline.test);
    finish(VERDICT_PASS, "%s", "");
}

PAYLOAD(bench, bench_run);
