/* SPDX-License-Identifier: MIT */
/* The numbers of the native CPUs, and interrupts between them. */
#ifndef PV_NATIVE_IPI_H
#define PV_NATIVE_IPI_H

#include "lib/apic_config.h"
#include "lib/types.h"

/* Number the CPUs: 0 is the one that runs this, the others are in the firmware's order. */
void native_ipi_init(const struct apic_config *config);

/* Return the local APIC's id of a CPU below cpu_count. */
u32 native_apic_id(u32 cpu);

/* Set what cpu_is_up returns for a CPU below PV_CPUS_MAX. A full barrier. */
void native_set_cpu_up(u32 cpu, bool is_up);

/*
 * Send an interrupt at this vector to each CPU of a set; those that are not online are left out.
 * native_send_to_set is native_send_to_each, unless a hypervisor has one call for a set. Written:
 * at boot, on one CPU, or back if the hypervisor refuses.
 */
extern void (*native_send_to_set)(u64 cpus, u32 vector);
void native_send_to_each(u64 cpus, u32 vector);

/* Send an interrupt at this vector. Return 0; -EINVAL if the CPU is not online; or send_ipi's. */
int native_send_vector(u32 cpu, u32 vector);

#endif
