/* SPDX-License-Identifier: MIT */
/*
 * Helpers for tests on several CPUs: NEEDS_CPUS skips a test on a smaller machine, struct workers
 * runs one thread on each CPU.
 */
#ifndef TEST_HARNESS_CPUS_H
#define TEST_HARNESS_CPUS_H

#include "kernel/smp.h"
#include "kernel/thread.h"
#include "test/harness/lines.h"

/*
 * CPUs that take part in a stress test: each runs a thread, and the number of threads is limited.
 */
#define STRESS_CPUS 8u

#define NEEDS_CPUS(n) \
    if (smp_why_alone()) \
        SKIP("only one CPU is online: %s", smp_why_alone()); \
    if (smp_online_count() < (n)) \
    SKIP("this machine has %u CPUs; run with --smp %u", smp_online_count(), (n))

/* Return the set of online CPUs, bit n for CPU n, for flush_tlb_others. */
static inline u64 online_cpus(void)
{
    u64 set = 0;

    for_each_online_cpu (c)
        set |= 1ull << c->area.number;
    return set;
}

static inline u32 stress_cpus(void)
{
    return MIN(smp_online_count(), STRESS_CPUS);
}

/*
 * Run a function in a thread bound to that CPU, and wait for it. Unlike smp_call, which runs it in
 * an interrupt handler.
 */
void run_on_cpu(u32 cpu, void (*run)(void *arg), void *arg);

/*
 * Threads that are bound to the CPUs from first to end - 1, at most STRESS_CPUS: the n-th one runs
 * run(arg + n * size). All CPUs must be online, so that their numbers are contiguous.
 */
struct workers {
    struct thread *threads[STRESS_CPUS];
    u32 count;
};
void workers_start(struct workers *workers, u32 first, u32 end, void (*run)(void *arg), void *arg,
                   size_t size);
void workers_join(struct workers *workers);

#endif
