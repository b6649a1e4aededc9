/* SPDX-License-Identifier: MIT */
/*
 * The native CPUs as the others see them: their numbers, which of them are online, and IPIs to
 * them. The firmware lists the CPUs (firmware.c). An IPI is an interrupt of the local APIC at a
 * fixed vector. smp.c, which starts and stops CPUs, and tlb.c are built on this file.
 */
#include "pv/native/ipi.h"
#include "lib/format.h"
#include "pv/native/apic.h"
#include "pv/native/native.h"
#include "pv/native/vectors.h"

static u32 apic_ids[APIC_CPUS_MAX + 1], nr_cpus; /* Written: by irq_init, on one CPU */

/* Atomic: flags. A CPU sets and clears its own; cpu_down, on another CPU, clears it, too. */
static bool up[PV_CPUS_MAX];

void native_ipi_init(const struct apic_config *config)
{
    apic_ids[0] = native_apic_own_id();
    nr_cpus = 1;
    up[0] = true;
    for (u32 i = 0; i < config->nr_cpus; i++)
        if (config->apic_ids[i] != apic_ids[0])
            apic_ids[nr_cpus++] = config->apic_ids[i];
}

u32 native_apic_id(u32 cpu)
{
    return apic_ids[cpu];
}

u32 native_cpu_count(void)
{
    return nr_cpus;
}

void native_cpu_describe(u32 cpu, char *text, size_t size)
{
    if (cpu < nr_cpus)
        ksnprintf(text, size, "APIC id %u", apic_ids[cpu]);
    else
        ksnprintf(text, size, "no such CPU");
}

bool native_cpu_is_up(u32 cpu)
{
    return cpu < PV_CPUS_MAX && READ_ONCE(up[cpu]);
}

void native_set_cpu_up(u32 cpu, bool is_up)
{
    __atomic_store_n(&up[cpu], is_up, __ATOMIC_SEQ_CST);
}

static int send_to_cpu(u32 cpu, u32 command)
{
    return native_cpu_is_up(cpu) ? native_apic_icr(apic_ids[cpu], ICR_ASSERT | command) : -EINVAL;
}

int native_send_vector(u32 cpu, u32 vector)
{
    return send_to_cpu(cpu, vector);
}

void native_send_to_each(u64 cpus, u32 vector)
{
    for (; cpus; cpus &= cpus - 1)
        native_send_vector((u32)__builtin_ctzll(cpus), vector);
}

/* Atomic: a pointer, stored at boot, or later as ipi.h explains. */
void (*native_send_to_set)(u64 cpus, u32 vector) = native_send_to_each;

int native_send_ipi(u32 cpu, enum pv_ipi kind)
{
    return kind < PV_NR_IPIS ? send_to_cpu(cpu, VECTOR_IPIS + kind) : -EINVAL;
}

int native_send_nmi(u32 cpu)
{
    return send_to_cpu(cpu, ICR_NMI);
}
