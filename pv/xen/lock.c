/* SPDX-License-Identifier: MIT */
/*
 * The slow path of spinlocks on Xen: a vCPU that waits for a lock gives its physical CPU away by
 * SCHEDOP_poll (xen/sched.h), which blocks it until one of the given ports is pending. The holder
 * of the lock sends an event to that port, the waiter's kick port.
 *
 * The kick port stays masked, because a poll reads the pending bit and needs no handler.
 */
#include "pv/xen/events.h"
#include "pv/xen/hypercall.h"

/* Per CPU: how many waits are nested, which is one and those of the interrupts during it. */
static u32 wait_depth[PV_CPUS_MAX];

/*
 * A kick that arrives before the poll leaves the port pending, and the poll returns at once. The
 * outermost wait clears an old kick first. A nested wait must not, because it might clear the kick
 * of the wait that it interrupted.
 *
 * A CPU that accepts no events yet gets no kick, even if its port is left from an earlier time when
 * it was up. It returns at once, and its caller spins.
 */
void xen_lock_wait(const u8 *byte, u8 value)
{
    const u32 cpu = pv_this_cpu();
    evtchn_port_t port = xen_ports[cpu][PORT_KICK];
    struct sched_poll poll = {.nr_ports = 1};

    if (!port || !xen_cpu_accepts_events(cpu))
        return;
    set_xen_guest_handle_raw(poll.ports, &port);
    wait_depth[cpu]++;
    barrier();
    if ((wait_depth[cpu] > 1 || !evtchn_ops->clear_pending(port)) && READ_ONCE(*byte) == value)
        xen_sched_op(SCHEDOP_poll, &poll, 0);
    barrier();
    wait_depth[cpu]--;
}

void xen_lock_kick(u32 cpu)
{
    xen_send_event(cpu, PORT_KICK);
}

bool xen_vcpu_is_preempted(u32 cpu)
{
    return xen_cpu_accepts_events(cpu) && cpu != pv_this_cpu() && xen_vcpu_is_runnable(cpu);
}

const struct pv_lock_ops xen_lock_ops = {
    .lock_wait = xen_lock_wait,
    .lock_kick = xen_lock_kick,
    .vcpu_is_preempted = xen_vcpu_is_preempted,
};
