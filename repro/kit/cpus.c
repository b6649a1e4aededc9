/* SPDX-License-Identifier: MIT */
/* The kernel's other CPUs, for a repro: see repro/kit.h. */
#include "kernel/smp.h"
#include "kernel/time.h"
#include "repro/kit.h"

static struct call calls[PV_CPUS_MAX];

void kit_cpus(u32 count)
{
    if (smp_online_count() == 1)
        smp_init();
    if (smp_online_count() < count)
        cannot_tell("there are %u CPUs, and this needs %u (@needs smp=%u)", smp_online_count(),
                    count, count);
}

void kit_cpu_start(u32 cpu, void (*fn)(void *data), void *data)
{
    struct call *call = &calls[cpu];

    if (__atomic_load_n(&call->state, __ATOMIC_SEQ_CST) != CALL_DONE)
        cannot_tell("CPU %u has not returned from the call before", cpu);
    call->fn = fn;
    call->arg = data;
    if (smp_call_async(cpu, call))
        cannot_tell("there is no CPU %u: kit_cpus(%u) starts it", cpu, cpu + 1);
}

bool kit_cpu_wait(u32 cpu, u64 ms)
{
    const u64 end = pv_clock_ns() + ms * NS_PER_MS;

    while (__atomic_load_n(&calls[cpu].state, __ATOMIC_SEQ_CST) != CALL_DONE)
        if (pv_clock_ns() > end)
            return false;
    return true;
}
