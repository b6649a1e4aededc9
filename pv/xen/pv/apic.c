/*
 * A Xen PV guest has no local APIC: interrupts are events, CPUs are started by hypercall. (dom0 can
 * find the host's in ACPI's tables, but Xen gives nobody its page.)
 */
#include "pv/xen/pv/xen_pv.h"
#include "pv/xen/xen.h"

/* For ops of whichever arguments. */
static int no_apic(void)
{
    return -ENODEV;
}

const struct pv_apic_ops xen_pv_apic_ops = {
    .apic_read = (void *)no_apic,
    .apic_write = (void *)no_apic,
    .apic_eoi = xen_nop,
    .apic_icr = (void *)no_apic,
    .setup_boot_clock = xen_setup_clock,
    .setup_secondary_clock = xen_setup_clock,
    .startup_ipi_hook = (void *)no_apic,
};
