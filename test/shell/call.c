/* SPDX-License-Identifier: MIT */
/*
 * Calls of ops. A call goes through the table, in the context that the op's contract asks for:
 * with interrupts disabled unless the op may be called by a thread that migrates or is bound. Its
 * ticks are those of the TSC, less what a call of an empty function takes in the same place. With
 * QEMU's -icount each instruction is a tick, those of the hypervisor included.
 */
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "lib/string.h"
#include "mm/vmap.h"
#include "test/shell/shell.h"

#define ARGUMENTS u64 a, u64 b, u64 c

enum {
    CALIBRATIONS = 32,
    REPEAT_MAX = 10000,
    SHOWN_MAX = 64, /* bytes of a buffer */
};

#define WAKE_NS (20 * NS_PER_MS)

/* A call to be made, on the CPU of the thread that runs call_run. */
struct job {
    struct shell_call call;
    struct shell_trial trial;
    struct shell_state state;
    bool returned;
    u64 hypercalls;
};

/* ---- Cost */

/* Its result is what rax holds. */
static u64 empty_function(ARGUMENTS)
{
    u64 result;

    (void)a, (void)b, (void)c;
    __asm__ volatile("" : "=a"(result));
    return result;
}

/* Call a function with the arguments in *call, and set its result and its ticks. */
static __noinline void call_timed(u64 (*function)(ARGUMENTS), struct shell_call *call)
{
    const u64 start = pv_read_tsc();

    call->result = function(call->args[0], call->args[1], call->args[2]);
    call->ticks = pv_read_tsc() - start;
}

/* Return the ticks of a call that does nothing. */
static u64 empty_ticks(void)
{
    struct shell_call call = {0};
    u64 least = ~0ull;

    for (u32 i = 0; i < CALIBRATIONS; i++) {
        call_timed(empty_function, &call);
        least = MIN(least, call.ticks);
    }
    return least;
}

/* Return the least ticks of a loop of 2 * rounds instructions. */
static u64 loop_ticks(u64 rounds)
{
    u64 least = ~0ull;

    for (u32 i = 0; i < CALIBRATIONS; i++) {
        const u64 before = pv_read_tsc();
        u64 left = rounds;

        __asm__ volatile("1: dec %0; jnz 1b" : "+r"(left) : : "cc");
        least = MIN(least, pv_read_tsc() - before);
    }
    return least;
}

/* A clock that follows time does not count two loops exactly, in units of one instruction. */
static bool ticks_are_instructions(void)
{
    enum { ROUNDS = 1000 };
    const u64 flags = pv_irq_save();
    const u64 one = loop_ticks(ROUNDS), two = loop_ticks(2 * ROUNDS),
              three = loop_ticks(3 * ROUNDS);

    pv_restore_fl(flags);
    return two - one == 2 * ROUNDS && three - two == 2 * ROUNDS;
}

const char *shell_cost_unit(u64 cost)
{
    static bool is_known, counts_instructions;

    if (!is_known)
        counts_instructions = ticks_are_instructions();
    is_known = true;
    if (counts_instructions)
        return cost == 1 ? "instruction" : "instructions";
    return cost == 1 ? "tick" : "ticks";
}

/* Every op takes at most three words in registers and returns at most one. */
static void invoke(void *arg)
{
    u64 (*const *functions)(ARGUMENTS) = (const void *)&pv_ops;
    struct shell_call *call = arg;

    call_timed(functions[call->op], call);
    call->flags = pv_save_fl();
}

/* An op that waits for an interrupt gets one. */
static struct timer wake;

static void on_wake(struct timer *timer)
{
    (void)timer;
}

static bool waits(u32 op)
{
    return op == PV_INDEX(flag.safe_halt) || op == PV_INDEX(lock.lock_wait);
}

static void call_run(void *arg)
{
    struct job *job = arg;
    const u32 op = job->call.op;
    const u64 empty_cost = empty_ticks();

    if (waits(op))
        timer_start(&wake, pv_clock_ns() + WAKE_NS, on_wake);
    shell_state_save(&job->state, op);
    if (!(shell_ops[op].rules & (PV_MIGRATABLE | PV_BOUND | PV_IRQS_ON)))
        pv_irq_disable();
    shell_hypercalls_begin();
    job->returned = shell_try(&job->trial, invoke, &job->call);
    job->hypercalls = shell_hypercalls_end();
    shell_state_restore(&job->state, &job->call);
    if (waits(op))
        timer_stop(&wake);
    job->call.ticks -= MIN(job->call.ticks, empty_cost);
}

/* Parse the words after the op's name into arguments. */
static bool parse_arguments(struct shell_call *call, const struct words *words, u32 first)
{
    struct signature_type result;
    struct signature s;

    shell_signature(call->op, &s, &result);
    if (words->count - first != s.count) {
        shell_error("pv_%s%s takes %u arguments", shell_ops[call->op].name,
                    shell_ops[call->op].params, s.count);
        return false;
    }
    for (u32 i = 0; i < s.count; i++) {
        if (!shell_value(words->word[first + i], &call->args[i]))
            return false;
        if (!signature_fits(&s.params[i].type, call->args[i])) {
            shell_error("%s: %s has the type %s", words->word[first + i], s.params[i].name,
                        s.params[i].type.text);
            return false;
        }
    }
    return true;
}

/* ---- What a call has written to the buffers */

/* The buffers as they were before the call. Allocated at the first one. */
static u8 (*before)[PAGE_SIZE];

static void note_buffers(void)
{
    if (!before)
        before = vmalloc(SHELL_BUFFERS * PAGE_SIZE);
    if (before)
        memcpy(before, shell_buffers, SHELL_BUFFERS * PAGE_SIZE);
}

static void print_bytes(u32 buffer, u32 first, u32 last)
{
    const u32 end = MIN(last + 1, first + SHOWN_MAX);

    for (u32 at = first; at < end; at += 16) {
        print("  &%c+%u:", (char)('a' + buffer), at);
        for (u32 i = at; i < MIN(at + 16, end); i++)
            print(" %02x", shell_buffers[buffer][i]);
        print("\n");
    }
    if (last >= end)
        print("  and %u bytes more\n", last + 1 - end);
}

static void print_changes(void)
{
    for (u32 buffer = 0; before && buffer < SHELL_BUFFERS; buffer++) {
        const u8 *now = shell_buffers[buffer], *was = before[buffer];
        u32 first = 0, last = PAGE_SIZE - 1;

        while (first < PAGE_SIZE && now[first] == was[first])
            first++;
        if (first == PAGE_SIZE)
            continue;
        while (now[last] == was[last])
            last--;
        print_bytes(buffer, first & ~3u, last | 3);
    }
}

static void print_outcome(const struct job *job)
{
    const struct shell_call *call = &job->call;

    shell_print_call(call->op, call->args);
    if (!job->returned) {
        print(" ");
        shell_print_trial(&job->trial);
        return;
    }
    shell_print_result(call->op, call->result);
    print("; %llu %s, ", (unsigned long long)call->ticks, shell_cost_unit(call->ticks));
    shell_hypercalls_print();
    print("\n");
    shell_state_print(&job->state, call->op);
}

/* Make the call on this CPU, and print all that comes of it. */
static void call_and_print(struct job *job)
{
    note_buffers();
    call_run(job);
    print_outcome(job);
    print_changes();
    if (job->returned)
        shell_set("r", job->call.result);
}

static bool prepare(struct job *job, u32 op, const struct words *words, u32 first, bool really)
{
    memset(job, 0, sizeof(*job));
    job->call.op = op;
    return parse_arguments(&job->call, words, first) &&
           !shell_refuses(really, shell_rule(&job->call));
}

void shell_call_op(u32 op, const struct words *words, bool really)
{
    struct job job;

    if (prepare(&job, op, words, 1, really))
        call_and_print(&job);
}

/* Return the op that a word names, with an error if it does not. */
static u32 wanted_op(const struct words *words, u32 at)
{
    const u32 op = words->count > at ? shell_find_op(words->word[at]) : PV_NR_OPS;

    if (op == PV_NR_OPS)
        shell_error("%s takes an op and its arguments", words->word[0]);
    return op;
}

SHELL_COMMAND(on, "CPU OP ARGUMENT...", "call an op on another CPU, by a thread bound to it")
{
    const u32 op = wanted_op(words, 2);
    struct thread *thread;
    struct job job;
    u64 cpu;

    if (op == PV_NR_OPS || !shell_number(words->word[1], "CPU", PV_CPUS_MAX - 1, &cpu) ||
        !prepare(&job, op, words, 3, really))
        return;
    note_buffers();
    thread = smp_is_online((u32)cpu) ? thread_start("monitor", (u32)cpu, call_run, &job) : NULL;
    if (!thread) {
        shell_error("CPU %llu is not online", (unsigned long long)cpu);
        return;
    }
    thread_join(thread);
    print_outcome(&job);
    print_changes();
}

SHELL_COMMAND(repeat, "COUNT OP ARGUMENT...",
              "call an op so often; print the least and the mean cost")
{
    const u32 op = wanted_op(words, 2);
    u64 count, least = ~0ull, sum = 0, hypercalls = 0;
    struct job job;

    if (op == PV_NR_OPS || !shell_number(words->word[1], "count", REPEAT_MAX, &count) || !count ||
        !prepare(&job, op, words, 3, really))
        return;
    for (u64 i = 0; i < count; i++) {
        call_run(&job);
        if (!job.returned) {
            print_outcome(&job);
            return;
        }
        least = MIN(least, job.call.ticks);
        sum += job.call.ticks;
        hypercalls += job.hypercalls;
    }
    shell_print_call(op, job.call.args);
    shell_print_result(op, job.call.result);
    print("; %llu times: least %llu, mean %llu %s, %llu hypercalls\n", (unsigned long long)count,
          (unsigned long long)least, (unsigned long long)(sum / count),
          shell_cost_unit(sum / count), (unsigned long long)hypercalls);
}
