/*
 * Suspend: Xen stops the domain when all its vCPUs have asked for it, a toolstack saves it, and the
 * call returns 0 in the domain that was made of the saved state, or 1 in this one if nothing came
 * of it (xen/sched.h, SHUTDOWN_suspend).
 */
#include "pv/xen/events.h"
#include "pv/xen/hypercall.h"

/* The new domain has new shared pages, and no event channel is bound. */
static void restore(void)
{
    if (xen_share_pages() || xen_irq_init(event_abi->name))
        xen_shutdown(PV_CRASH, 0);
    xen_setup_clock();
}

/*
 * The others would go on with shared pages, events and a clock that are no longer theirs.
 * Were dom0 to suspend, Xen would halt or reboot the machine: it knows no such reason.
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
    cancelled = xen_sched_op(SCHEDOP_shutdown, &shutdown, start_info);
    if (!cancelled)
        restore();
    pv_callbacks->resume(cancelled);
    return cancelled ? 1 : 0;
}
