/* SPDX-License-Identifier: MIT */
/*
 * trace N COMMAND: record the first N calls of ops that the whole kernel makes while a command
 * runs. Each op's function is replaced by one that records the call and makes it. The ops with
 * PV_UNCHECKED stay as they are, because a C function cannot replace them (test/ops/context.c).
 */
#include "kernel/time.h"
#include "lib/string.h"
#include "mm/vmap.h"
#include "test/patch/sites.h"
#include "test/shell/shell.h"

#define ARGUMENTS u64 a, u64 b, u64 c

enum { RECORDS_MAX = 512 };

struct record {
    u64 args[SIGNATURE_PARAMS_MAX];
    u64 result, ticks;
    u16 op;
    u16 cpu;
    bool returned;
};

static struct record *records;
static u32 wanted;     /* records */
static u32 calls;      /* since the start. Atomic: a count */
static bool recording; /* while the command runs, not while sites are changed */
static u64 (*functions[PV_NR_OPS])(ARGUMENTS); /* the replaced ones */

/* It calls no op of its own: the TSC is read by the instruction. */
static u64 record_call(u32 op, ARGUMENTS)
{
    struct record *r;
    u32 index;
    u64 result;

    if (!READ_ONCE(recording))
        return functions[op](a, b, c);
    index = __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
    if (index >= wanted)
        return functions[op](a, b, c);
    r = &records[index];
    *r = (struct record){.args = {a, b, c}, .op = (u16)op, .cpu = (u16)pv_this_cpu()};
    r->ticks = __builtin_ia32_rdtsc();
    result = functions[op](a, b, c);
    r->ticks = __builtin_ia32_rdtsc() - r->ticks;
    r->result = result;
    r->returned = true;
    return result;
}

#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args) \
    static u64 traced_##name(ARGUMENTS) \
    { \
        return record_call(PV_NUMBER_##name, a, b, c); \
    }
#include "pv/ops.def"
#undef PV_OP

static u64 (*const traced[PV_NR_OPS])(ARGUMENTS) = {
#define PV_OP(class, ret, name, params, args) traced_##name,
#include "pv/ops.def"
#undef PV_OP
};

/* Context: run_alone. */
static void replace_all(void *arg)
{
    (void)arg;
    memcpy(functions, &pv_ops, sizeof(functions));
    for (u32 op = 0; op < PV_NR_OPS; op++)
        if (!shell_ops[op].is_unchecked)
            pv_set_op(op, traced[op]);
}

static void restore_all(void *arg)
{
    (void)arg;
    for (u32 op = 0; op < PV_NR_OPS; op++)
        if (!shell_ops[op].is_unchecked)
            pv_set_op(op, functions[op]);
}

static void print_record(u32 index, const struct record *r)
{
    print("  %3u CPU %u ", index + 1, r->cpu);
    shell_print_call(r->op, r->args);
    if (r->returned) {
        shell_print_result(r->op, r->result);
        print("; %llu %s\n", (unsigned long long)r->ticks, shell_cost_unit(r->ticks));
    } else {
        print(" has not returned\n");
    }
}

static void print_records(void)
{
    for (u32 i = 0; i < MIN(calls, wanted); i++)
        print_record(i, &records[i]);
    print("%u calls of ops were made, %u are shown\n", calls, MIN(calls, wanted));
}

/* Record what happens while the command runs; without one, for 10 ms. */
static void run_traced(struct words *words, bool really)
{
    run_alone(replace_all, NULL);
    WRITE_ONCE(recording, true);
    if (words->count > 2)
        shell_nested(words, 2, really);
    else
        sleep_until(pv_clock_ns() + 10 * NS_PER_MS);
    WRITE_ONCE(recording, false);
    run_alone(restore_all, NULL);
}

SHELL_COMMAND(trace, "COUNT [COMMAND]",
              "record the first calls of ops, on all CPUs, while a command runs")
{
    static bool tracing;
    u64 count;

    if (words->count < 2) {
        shell_error("trace takes a count and a command");
        return;
    }
    if (tracing) {
        shell_error("a trace is running");
        return;
    }
    if (!shell_number(words->word[1], "count", RECORDS_MAX, &count))
        return;
    if (!records)
        records = vmalloc(RECORDS_MAX * sizeof(*records));
    if (!records) {
        shell_error("no memory for the records");
        return;
    }
    tracing = true;
    wanted = (u32)count;
    calls = 0;
    run_traced(words, really);
    tracing = false;
    print_records();
}
