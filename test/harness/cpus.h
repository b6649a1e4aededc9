/* Tests that want more CPUs than one. */
#ifndef TEST_CPUS_H
#define TEST_CPUS_H

#include "kernel/smp.h"
#include "kernel/thread.h"
#include "test/harness/lines.h"

/* CPUs that take part in a stress test: each runs a thread, and the number of threads is limited.
 */
#define STRESS_CPUS 8u

#define NEEDS_CPUS(n) \
    if (smp_why_alone()) \
        SKIP("one CPU is used: %s", smp_why_alone()); \
    if (smp_online_count() < (n)) \
    SKIP("this machine has %u CPUs; --smp %u shows more", smp_online_count(), (n))

/* As flush_tlb_others wants it. */
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

/* Run a function in a thread of that CPU: smp_call would run it in an interrupt's handler. */
void run_on_cpu(u32 cpu, void (*run)(void *arg), void *arg);

/*
 * Threads that are bound to the CPUs from first up to end, at most STRESS_CPUS: the n-th runs
 * run(arg + n * size). All CPUs are to be online, so that their numbers have no gaps.
 */
struct workers {
    struct thread *threads[STRESS_CPUS];
    u32 count;
};
void workers_start(struct workers *workers, u32 first, u32 end, void (*run)(void *arg), void *arg,
                   size_t size);
void workers_join(struct workers *workers);

#endif
