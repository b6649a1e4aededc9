/* SPDX-License-Identifier: MIT */
/*
 * Which CPUs the host lets this machine use: CPUs go online and offline at its request
 * (kernel/hotplug.c).
 */
#ifndef KERNEL_HOTPLUG_H
#define KERNEL_HOTPLUG_H

#include "kernel/thread.h"

/*
 * Held while CPUs are started or taken offline, so that the requests of the host, a suspend and
 * other callers of smp_up and smp_down do not overlap.
 */
extern struct mutex cpu_mutex;

/*
 * Record that the host lets this machine use a CPU, or does not. Before smp_init that is all:
 * smp_init starts the CPUs that are available, which all are at first. Later a thread of the kernel
 * starts the CPU or takes it offline; it repeats an attempt that failed once a second, and warns
 * about the first. The last call for a CPU counts. Return 0; -EINVAL for CPU 0, which stays online,
 * and for a CPU that does not exist; -ENOMEM if the thread cannot start. Context: thread, no
 * spinlock held.
 */
int smp_set_available(u32 cpu, bool available);
bool smp_is_available(u32 cpu);
u32 smp_unavailable_count(void);

/* Obey calls of smp_set_available from now on. Called at the end of smp_init. */
void hotplug_init(void);

#endif
