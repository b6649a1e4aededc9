/*
 * Suspend: Xen stops the domain when all its vCPUs have asked for it, a toolstack saves it, and the
 * call returns 0 in the domain that was made of the saved state, or 1 in this one if nothing came
 * of it (xen/sched.h, SHUTDOWN_suspend).
 */
#include "lib/string.h"
#include "pv/xen/events.h"
#include "pv/xen/hypercall.h"

/* The new domain has new shared pages, and no event channel is bound. */
static void restore(void)
{
    const char *abi = event_abi->name;

    if (!xen_flavour->map_shared_info() || !xen_share_vcpu_info(0, pv_this_area()))
        xen_shutdown(PV_CRASH, 0);
    event_abi = &event_abi_2l;
    xen_smp_forget();
    if (pv_irq_init(abi))
        xen_shutdown(PV_CRASH, 0);
    xen_clock_forget();
    pv_setup_boot_clock();
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

    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        if (cpu != pv_this_cpu() && xen_cpu_is_up(cpu))
            return -EBUSY;
    if (xen_is_dom0())
        return -EPERM;
    start_info = xen_flavour->publish();
    pv_upcalls->suspend();
    cancelled = xen_sched_op3(SCHEDOP_shutdown, &shutdown, start_info);
    if (!cancelled)
        restore();
    pv_upcalls->resume(cancelled);
    return cancelled ? 1 : 0;
}
