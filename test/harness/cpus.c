/* SPDX-License-Identifier: MIT */
/* Threads on several CPUs: see test/harness/cpus.h. */
#include "test/harness/cpus.h"

void run_on_cpu(u32 cpu, void (*run)(void *arg), void *arg)
{
    struct thread *t = thread_start("on CPU", cpu, run, arg);

    if (EXPECT(t))
        thread_join(t);
}

void workers_start(struct workers *workers, u32 first, u32 end, void (*run)(void *arg), void *arg,
                   size_t size)
{
    workers->count = 0;
    for (u32 cpu = first; cpu < end && workers->count < STRESS_CPUS; cpu++) {
        struct thread *t = thread_start("worker", cpu, run, (u8 *)arg + workers->count * size);

        if (EXPECT(t))
            workers->threads[workers->count++] = t;
    }
}

void workers_join(struct workers *workers)
{
    for (u32 i = 0; i < workers->count; i++)
        thread_join(workers->threads[i]);
}
