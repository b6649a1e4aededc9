/* SPDX-License-Identifier: MIT */
/*
 * Time on VMware. The clock and the timer are the native ones, because the hypervisor gives the
 * guest a TSC of a constant rate and a local APIC. What it adds: it reports both rates, so that
 * neither need be measured, and it may count for each virtual CPU how long that was ready and did
 * not run.
 *
 * The steal clock is memory of the guest that the hypervisor writes. So a CPU enables it when it
 * starts, and disables it before it goes offline or the machine ends, after which the hypervisor
 * must not write there.
 */
#include "lib/address_map.h"
#include "lib/scale.h"
#include "pv/native/native.h"
#include "pv/vmware/backdoor.h"
#include "pv/vmware/vmware.h"

/* As the hypervisor writes it: 64 bytes, on a boundary of 64. */
struct steal_clock {
    u64 ns;
    u64 reserved[7];
} __aligned(64);

/* Per CPU: written by the hypervisor while the CPU's clock is enabled. */
static struct steal_clock clocks[PV_CPUS_MAX];
static bool enabled[PV_CPUS_MAX]; /* Per CPU: whether the hypervisor writes */
static u64 last_ns[PV_CPUS_MAX];  /* Atomic: monotonic() exchanges it; the largest value read */

/* Return what the hypervisor answers to an enabled clock at this address, or to none at all. */
static bool set_steal_clock(u64 pa)
{
    const struct vmware_answer a = vmware_call(VMWARE_STEAL_CLOCK, 0, (u32)(pa >> 32), (u32)pa);

    return a.eax == STEAL_CLOCK_ENABLED;
}

void vmware_steal_enable(void)
{
    const u32 cpu = pv_this_cpu();

    enabled[cpu] = set_steal_clock((u64)&clocks[cpu] - VIRT_BASE);
}

void vmware_steal_disable(void)
{
    const u32 cpu = pv_this_cpu();

    if (enabled[cpu])
        set_steal_clock(STEAL_CLOCK_DISABLE);
    enabled[cpu] = false;
}

bool vmware_has_steal_clock(void)
{
    return enabled[pv_this_cpu()];
}

/* The hypervisor may count from 0 again after the clock was disabled: never return less. */
u64 vmware_steal_ns(void)
{
    const u32 cpu = pv_this_cpu();

    return monotonic(&last_ns[cpu], READ_ONCE(clocks[cpu].ns));
}

/* A backdoor that lacks the command leaves ebx as it was. */
const char *vmware_time_init(void)
{
    const struct vmware_answer a = vmware_get(VMWARE_GET_HZ);
    const u64 hz = a.eax | (u64)a.ebx << 32;

    if (a.ebx != VMWARE_NONE && !native_set_rates(hz / 1000, a.ecx, "VMware's backdoor"))
        pv_warn("VMware's backdoor reports %llu Hz for the TSC and %u Hz for the APIC's timer, "
                "which cannot be: the rates are measured",
                (unsigned long long)hz, a.ecx);
    vmware_steal_enable();
    return native_time_init();
}
