/* SPDX-License-Identifier: MIT */
/*
 * Suspend. Xen stops the domain when each of its vCPUs has asked for it; a toolstack saves its
 * memory and later builds a new domain from it. SCHEDOP_shutdown returns 0 in that new domain, and
 * 1 in this one if the save was cancelled (xen/sched.h, SHUTDOWN_suspend).
 */
#include "pv/xen/events.h"
#include "pv/xen/grant.h"
#include "pv/xen/hypercall.h"

/* Set up again what the new domain lacks: shared pages, event channels, the timer. */
static void restore_after_suspend(void)
{
    if (xen_share_pages() || xen_irq_init(evtchn_ops->name))
        xen_shutdown(PV_CRASH, 0);
    xen_console_init();
    xen_setup_clock();
}

/*
 * Refuse while other CPUs are up, because they would continue with the shared pages, events and
 * clock of a domain that no longer exists. Refuse in dom0, because Xen has no suspend for the
 * hardware domain and would halt or reboot the machine.
 */
int xen_suspend(void)
{
    struct sched_shutdown shutdown = {.reason = SHUTDOWN_suspend};
    long cancelled;
    u64 start_info;

    for (u32 cpu = 1; cpu < PV_CPUS_MAX; cpu++)
        if (xen_cpu_is_up(cpu))
            return -EBUSY;
    if (xen_is_dom0())
        return -EPERM;
    start_info = xen_variant->prepare_suspend();
    pv_callbacks->suspend();
    xen_grant_suspend();
    cancelled = xen_sched_op(SCHEDOP_shutdown, &shutdown, start_info);
    if (!cancelled)
        restore_after_suspend();
    xen_grant_resume(cancelled);
    pv_callbacks->resume(cancelled);
    return cancelled ? 1 : 0;
}
