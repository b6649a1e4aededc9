/* Tests that want more CPUs than one. */
#ifndef TEST_CPUS_H
#define TEST_CPUS_H

#include "kernel/smp.h"
#include "kernel/thread.h"
#include "test/harness/lines.h"

/* In a storm as many CPUs take part: each has a thread there, of which there are not any number. */
#define STORM_CPUS 8u

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

static inline u32 storm_cpus(void)
{
    return MIN(smp_online_count(), STORM_CPUS);
}

/* Run a function in a thread of that CPU: smp_call would run it in an interrupt's handler. */
void run_on_cpu(u32 cpu, void (*run)(void *arg), void *arg);

/*
 * Threads that are bound to the CPUs from first up to end, at most STORM_CPUS: the n-th runs
 * run(arg + n * size). All CPUs are to be online, so that their numbers have no gaps.
 */
struct crew {
    struct thread *threads[STORM_CPUS];
    u32 count;
};
void crew_start(struct crew *crew, u32 first, u32 end, void (*run)(void *arg), void *arg,
                size_t size);
void crew_join(struct crew *crew);

#endif
