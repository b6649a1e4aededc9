/* SPDX-License-Identifier: MIT */
/*
 * CPUs that go online and offline at the host's request (smp_set_available).
 *
 * The request only changes a bit of the set unavailable. The thread "hotplug" compares the set with
 * the CPUs that are online and changes one CPU after another, because each change sleeps. An
 * attempt fails if a thread is bound to the CPU, or if the platform refuses; it is repeated for as
 * long as the request stands (kernel/standing.h).
 */
#include "kernel/hotplug.h"
#include "kernel/console.h"
#include "kernel/smp.h"
#include "kernel/standing.h"

/* Guarded by: itself. */
struct mutex cpu_mutex = {.queue = {.lock = SPINLOCK("CPU hotplug")}};

static u64 unavailable; /* Atomic: a set of CPUs, changed by atomic instructions */
static bool running;    /* Written: by hotplug_init, before the first request that it concerns */
static u64 reported;    /* Written: by the thread; the CPUs whose failure it has reported */

bool smp_is_available(u32 cpu)
{
    return cpu < PV_CPUS_MAX && !(__atomic_load_n(&unavailable, __ATOMIC_SEQ_CST) >> cpu & 1);
}

u32 smp_unavailable_count(void)
{
    u32 count = 0;

    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        count += !smp_is_available(cpu);
    return count;
}

static void report_failure(u32 cpu, bool up, int error)
{
    if (reported >> cpu & 1)
        return;
    reported |= 1ull << cpu;
    if (error == -EBUSY)
        log_warn("CPU %u stays online, though the host wants it offline: a thread is bound to it; "
                 "trying again every second",
                 cpu);
    else
        log_warn("CPU %u does not go %s as the host wants: error %d; trying again every second",
                 cpu, up ? "online" : "offline", error);
}

/* Make a CPU what it should be. Return whether it is. */
static bool apply_to_cpu(u32 cpu)
{
    int error = 0;
    bool up;

    mutex_lock(&cpu_mutex);
    up = smp_is_available(cpu);
    if (smp_is_online(cpu) != up)
        error = up ? smp_up(cpu) : smp_down(cpu);
    mutex_unlock(&cpu_mutex);
    if (error)
        report_failure(cpu, up, error);
    else
        reported &= ~(1ull << cpu);
    return !error;
}

static bool apply_available(void)
{
    const u32 count = MIN(pv_cpu_count(), PV_CPUS_MAX);
    bool done = true;

    for (u32 cpu = 1; cpu < count; cpu++)
        done &= apply_to_cpu(cpu);
    return done;
}

/* Guarded by: its queue's lock. */
static struct standing_request request = STANDING_REQUEST("hotplug", apply_available);

int smp_set_available(u32 cpu, bool available)
{
    const u64 bit = 1ull << cpu % PV_CPUS_MAX;

    if (!cpu || cpu >= MIN(pv_cpu_count(), PV_CPUS_MAX))
        return -EINVAL;
    if (available)
        __atomic_fetch_and(&unavailable, ~bit, __ATOMIC_SEQ_CST);
    else
        __atomic_fetch_or(&unavailable, bit, __ATOMIC_SEQ_CST);
    return READ_ONCE(running) ? standing_request_changed(&request) : 0;
}

void hotplug_init(void)
{
    WRITE_ONCE(running, true);
}
