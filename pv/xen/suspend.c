/* SPDX-License-Identifier: MIT */
/*
 * Suspend. Xen stops the domain when each of its vCPUs has asked for it or is down; a toolstack
 * saves its memory and later builds a new domain from it. SCHEDOP_shutdown returns 0 in that new
 * domain, and 1 in this one if the save was cancelled (xen/sched.h, SHUTDOWN_suspend).
 *
 * What is in the guest's own memory is the same in the new domain: page tables, which the toolstack
 * translates to the new machine frames; the P2M; the state of vCPU 0. What Xen keeps for the domain
 * is lost: event channels, vcpu_info and runstate areas, timers, the state of vCPUs that were down.
 *
 *   before   read the clock; unmap the frames that belong to Xen, because a toolstack cannot save a
 *            page table that maps one (variant->before_suspend)
 *   after a cancelled suspend   map them again
 *   after a restore             map them again, and register and bind everything as at boot; the
 *                               clock continues with an offset, because the new host counts its
 *                               system time from its own start
 */
#include "pv/xen/events.h"
#include "pv/xen/grant.h"
#include "pv/xen/hypercall.h"

/*
 * Set up again what the new domain lacks: shared pages, event channels, the timer. The vcpu_info in
 * shared_info is the one in use until vCPU 0 has registered its own, which inherits the mask from
 * it: events stay masked.
 */
static const char *restore_after_suspend(void)
{
    const char *error;

    xen_console_init();
    xen_shared_info->vcpu_info[0].evtchn_upcall_mask = 1;
    xen_forget_vcpus();
    if (!xen_share_vcpu_info(0, pv_this_area()))
        return "Xen refuses to move vcpu_info into the CPU's area";
    error = xen_irq_init(evtchn_ops == &evtchn_ops_2l ? "2l" : "");
    xen_restore_clock();
    xen_setup_clock();
    return error;
}

/* Return whether the suspend was cancelled. The domain cannot continue without its shared page. */
static bool suspend_domain(void)
{
    struct sched_shutdown shutdown = {.reason = SHUTDOWN_suspend};
    const char *error;
    bool cancelled;

    xen_grant_suspend();
    xen_clock_ns(); /* where clock_ns continues after a restore */
    cancelled = xen_sched_op(SCHEDOP_shutdown, &shutdown, xen_variant->before_suspend());
    error = xen_variant->after_suspend(cancelled);
    if (!error && !cancelled)
        error = restore_after_suspend();
    if (error)
        pv_panic("suspend", "%s", error);
    xen_grant_resume(cancelled);
    return cancelled;
}

/*
 * Refuse while other CPUs are up, because they would continue with the shared pages, events and
 * clock of a domain that no longer exists. Refuse in dom0, because Xen has no suspend for the
 * hardware domain and would halt or reboot the machine.
 */
int xen_suspend(void)
{
    bool cancelled;

    for (u32 cpu = 1; cpu < PV_CPUS_MAX; cpu++)
        if (xen_cpu_is_up(cpu))
            return -EBUSY;
    if (xen_is_dom0())
        return -EPERM;
    pv_callbacks->suspend();
    cancelled = suspend_domain();
    pv_callbacks->resume(cancelled);
    return cancelled;
}
