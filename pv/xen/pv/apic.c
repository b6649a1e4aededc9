/* SPDX-License-Identifier: MIT */
/*
 * The APIC ops of a Xen PV guest, which has no local APIC: interrupts are events, and CPUs start by
 * hypercall. (dom0's ACPI tables describe the host's local APIC, but Xen maps its page to no
 * guest.)
 */
#include "pv/xen/xen.h"
#include "pv/xen/pv/xen_pv.h"

int xen_pv_apic_read(u32 offset, u32 *value)
{
    (void)offset, (void)value;
    return -ENODEV;
}

int xen_pv_apic_write(u32 offset, u32 value)
{
    (void)offset, (void)value;
    return -ENODEV;
}

int xen_pv_apic_icr(u32 apic_id, u32 command)
{
    (void)apic_id, (void)command;
    return -ENODEV;
}

int xen_pv_startup_ipi_hook(u32 apic_id, u64 entry, u64 stack)
{
    (void)apic_id, (void)entry, (void)stack;
    return -ENODEV;
}

const struct pv_apic_ops xen_pv_apic_ops = {
    .apic_read = xen_pv_apic_read,
    .apic_write = xen_pv_apic_write,
    .apic_eoi = xen_nop,
    .apic_icr = xen_pv_apic_icr,
    .setup_boot_clock = xen_setup_clock,
    .setup_secondary_clock = xen_setup_clock,
    .startup_ipi_hook = xen_pv_startup_ipi_hook,
};
