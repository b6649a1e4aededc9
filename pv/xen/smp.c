/*
 * Between vCPUs: IPIs are event channels that a vCPU binds for itself; a lock's wait is a poll of
 * one (xen/sched.h, SCHEDOP_poll), which Xen ends when the port becomes pending. That port is never
 * unmasked: nobody is to be called.
 */
#include "pv/xen/events.h"
#include "pv/xen/hypercall.h"

static int ipi_ports[PV_NR_IPIS];
static int kick_port = -1;
static u32 waits; /* nested: one and the interrupts that came during it */

const char *xen_smp_events_init(void)
{
    for (u32 kind = 0; kind < PV_NR_IPIS; kind++) {
        ipi_ports[kind] = xen_bind_ipi((enum port_kind)(PORT_IPI + kind));
        if (ipi_ports[kind] < 0 || xen_unmask((u32)ipi_ports[kind]))
            return "Xen gives no event channel for IPIs";
    }
    kick_port = xen_bind_ipi(PORT_KICK);
    return kick_port < 0 ? "Xen gives no event channel for locks" : NULL;
}

int xen_send_ipi(u32 cpu, enum pv_ipi kind)
{
    if (cpu != 0 || kind >= PV_NR_IPIS)
        return -EINVAL;
    return (int)xen_send((u32)ipi_ports[kind]);
}

/*
 * A kick that came before is seen as the pending bit, and ends this call. Only the outermost wait
 * clears it: a nested one would take the kick from the wait that it interrupted. Until there is a
 * port, waiting is spinning.
 */
static void xen_lock_wait(const u8 *byte, u8 value)
{
    struct sched_poll poll = {.nr_ports = 1};
    evtchn_port_t port;

    if (kick_port < 0)
        return;
    port = (evtchn_port_t)kick_port;
    set_xen_guest_handle_raw(poll.ports, &port);
    waits++;
    barrier();
    if (waits == 1 && event_abi->is_pending(port))
        event_abi->clear_pending(port);
    else if (READ_ONCE(*byte) == value)
        xen_sched_op(SCHEDOP_poll, &poll);
    barrier();
    waits--;
}

static void xen_lock_kick(u32 cpu)
{
    if (cpu == 0 && kick_port >= 0)
        xen_send((u32)kick_port);
}

/* Of other vCPUs nothing is known until they have a runstate area of their own. */
static bool xen_vcpu_is_preempted(u32 cpu)
{
    (void)cpu;
    return false;
}

const struct pv_lock_ops xen_lock_ops = {
    .lock_wait = xen_lock_wait,
    .lock_kick = xen_lock_kick,
    .vcpu_is_preempted = xen_vcpu_is_preempted,
};

const struct pv_smp_ops xen_smp_ops = {
    .send_ipi = xen_send_ipi,
};
