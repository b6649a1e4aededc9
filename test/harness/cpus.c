/* See test/harness/cpus.h. */
#include "test/harness/cpus.h"

void run_on_cpu(u32 cpu, void (*run)(void *arg), void *arg)
{
    struct thread *t = thread_start("run on", cpu, run, arg);

    if (EXPECT(t))
        thread_join(t);
}

void crew_start(struct crew *crew, u32 first, u32 end, void (*run)(void *arg), void *arg,
                size_t size)
{
    crew->count = 0;
    for (u32 cpu = first; cpu < end && crew->count < STORM_CPUS; cpu++) {
        struct thread *t = thread_start("crew", cpu, run, (u8 *)arg + crew->count * size);

        if (EXPECT(t))
            crew->threads[crew->count++] = t;
    }
}

void crew_join(struct crew *crew)
{
    for (u32 i = 0; i < crew->count; i++)
        thread_join(crew->threads[i]);
}
