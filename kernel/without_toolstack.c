/* SPDX-License-Identifier: MIT */
/*
 * In place of balloon.c, hotplug.c, lifecycle.c and standing.c in an image without drivers (make
 * bare). Only drivers report what the host asks for: which CPUs this machine may use, how much
 * memory, when to suspend. So all CPUs are available, and the callbacks are not called.
 */
#include "kernel/hotplug.h"
#include "kernel/lifecycle.h"

bool smp_is_available(u32 cpu)
{
    return cpu < PV_CPUS_MAX;
}

u32 smp_unavailable_count(void)
{
    return 0;
}

void hotplug_init(void)
{
}

void lifecycle_suspend(void)
{
}

void lifecycle_resume(bool was_cancelled)
{
    (void)was_cancelled;
}

void lifecycle_shutdown_request(enum pv_shutdown_reason reason)
{
    (void)reason;
}

void lifecycle_memory_target(u64 bytes)
{
    (void)bytes;
}
