/* SPDX-License-Identifier: MIT */
/*
 * Event channels, Xen's interrupts.
 *
 * A port is a number by which this domain names one end of an event channel. Something is bound to
 * the port: a virtual interrupt of Xen (here the timer, VIRQ_TIMER), an IPI of this domain to
 * itself, or, for a driver, a port of another domain. An event carries no data. It sets the port's
 * pending bit, and nothing else happens if the bit was set already: ten events before the guest
 * looks are one. A port notifies one vCPU, here always the one that bound it, because
 * EVTCHNOP_bind_virq and EVTCHNOP_bind_ipi take the number of a vCPU.
 *
 * Each port has two bits in memory that Xen and the guest share:
 *
 *   pending   set by Xen, cleared by the guest.
 *   masked    set and cleared by the guest. A masked port still becomes pending, but Xen does not
 *             notify the vCPU. The guest sets the bit itself; to clear it, it asks Xen by
 *             EVTCHNOP_unmask, which also looks whether the port became pending in the meantime
 *             and notifies the vCPU then. So no event is lost by masking.
 *
 * This is an edge-triggered interrupt without an acknowledgement. The handler's side is: clear the
 * pending bit first, then look at the device (evtchn_deliver). In the other order an event between
 * the look and the clearing would be lost. There is nothing to do at the end of a handler.
 *
 * From a port to the vCPU there are two ABIs, which differ in where the bits are and in how the
 * guest finds the few pending ports among thousands:
 *
 *   2-level (events_2l.c)             bit arrays in shared_info, and in each vcpu_info a word with
 *                                     one bit for each 64 ports. 4096 ports, no order among them.
 *   FIFO (events_fifo.c, Xen 4.4)     one 32-bit word a port, which Xen links into 16 queues for
 *                                     each vCPU, one for each priority. 131072 ports.
 *
 * Both end alike: Xen sets evtchn_upcall_pending in the vCPU's vcpu_info and, if the flag was clear
 * until then, interrupts the vCPU. How it does so differs:
 *
 *   PV     whenever Xen returns to the guest it looks at two bytes of vcpu_info, and if
 *          evtchn_upcall_pending is set and evtchn_upcall_mask is clear it enters the guest at the
 *          callback registered by CALLBACKOP_register, with the mask set, as an interrupt gate
 *          would clear IF (pv/irq.c, pv/entry.S).
 *   PVH    Xen raises a vector of the guest's choice. The guest's own RFLAGS.IF masks it, and
 *          evtchn_upcall_mask means nothing (pvh/irq.c).
 *
 * Either way xen_event_upcall runs with interrupts disabled. It clears evtchn_upcall_pending, then
 * lets the ABI scan, and repeats until the flag stays clear.
 */
#include "lib/string.h"
#include "pv/xen/events.h"
#include "pv/xen/hypercall.h"

/* Written: by evtchn_init, on the only CPU that is up. */
const struct evtchn_ops *evtchn_ops;

/*
 * Atomic: bytes, of ports that Xen gave to this domain. The kind is written last when a port is
 * bound and first when it is closed, and the port is masked at both times. xen_ports: each CPU
 * writes its own row.
 */
static u8 port_kinds[XEN_PORTS_MAX];  /* enum port_kind */
static u8 port_owners[XEN_PORTS_MAX]; /* the CPU that bound the port */
u32 xen_ports[PV_CPUS_MAX][PORT_NR_KINDS];

/*
 * Clear the flag before the scan. Xen sets it after it has made a port pending, so an event that
 * this scan misses sets it again. The scan begins with a locked exchange, which keeps the CPU from
 * reading pending bits before the flag is cleared.
 */
void xen_event_upcall(struct trap_frame *frame)
{
    struct vcpu_info *v = xen_vcpu_info();

    do {
        WRITE_ONCE(v->evtchn_upcall_pending, 0);
        evtchn_ops->scan(frame);
    } while (READ_ONCE(v->evtchn_upcall_pending));
}

void evtchn_deliver(struct trap_frame *frame, u32 port)
{
    const u32 kind = port_kinds[port];

    if (port_owners[port] != pv_this_cpu() || evtchn_ops->is_masked(port) ||
        !evtchn_ops->clear_pending(port))
        return;
    if (kind >= PORT_LINE && kind <= PORT_CONSOLE)
        pv_callbacks->interrupt(frame, port);
    else if (kind == PORT_TIMER)
        pv_callbacks->timer(frame);
    else if (kind >= PORT_IPI && kind < PORT_KICK)
        pv_callbacks->ipi(frame, (enum pv_ipi)(kind - PORT_IPI));
}

long evtchn_send(u32 port)
{
    struct evtchn_send op = {.port = port};

    return xen_event_channel_op(EVTCHNOP_send, &op);
}

long evtchn_unmask(u32 port)
{
    struct evtchn_unmask op = {.port = port};

    return xen_event_channel_op(EVTCHNOP_unmask, &op);
}

static void evtchn_close(u32 port)
{
    struct evtchn_close op = {.port = port};

    xen_event_channel_op(EVTCHNOP_close, &op);
}

long evtchn_bind_virq(u32 virq, u32 vcpu, u32 *port)
{
    struct evtchn_bind_virq op = {.virq = virq, .vcpu = vcpu};
    const long error = xen_event_channel_op(EVTCHNOP_bind_virq, &op);

    *port = op.port;
    return error;
}

static long evtchn_bind_ipi(u32 vcpu, u32 *port)
{
    struct evtchn_bind_ipi op = {.vcpu = vcpu};
    const long error = xen_event_channel_op(EVTCHNOP_bind_ipi, &op);

    *port = op.port;
    return error;
}

/* Give back a port that cannot be used. */
static int evtchn_refuse_port(u32 port, enum port_kind kind)
{
    if (kind != PORT_CONSOLE)
        evtchn_close(port);
    return -ENOSPC;
}

/* Record who handles a new port, and mask it. Refuse it if its number is too high. */
static int evtchn_record_port(u32 port, u32 cpu, enum port_kind kind)
{
    if (port >= evtchn_ops->nr_ports)
        return evtchn_refuse_port(port, kind);
    evtchn_ops->mask(port);
    port_owners[port] = (u8)cpu;
    port_kinds[port] = (u8)kind;
    return (int)port;
}

/* A line is an IPI port too: irq_raise sends to it. -ENOSPC stands for every error of Xen's. */
int evtchn_bind_port(enum port_kind kind)
{
    const u32 cpu = pv_this_cpu();
    u32 port;

    if (kind == PORT_TIMER ? evtchn_bind_virq(VIRQ_TIMER, cpu, &port) : evtchn_bind_ipi(cpu, &port))
        return -ENOSPC;
    return evtchn_record_port(port, cpu, kind);
}

/* Xen notifies vCPU 0 of such a port until another vCPU is bound. */
int evtchn_adopt_port(u32 port, enum port_kind kind)
{
    const u32 cpu = pv_this_cpu();
    struct evtchn_bind_vcpu op = {.port = port, .vcpu = cpu};

    if (xen_event_channel_op(EVTCHNOP_bind_vcpu, &op))
        return evtchn_refuse_port(port, kind);
    return evtchn_record_port(port, cpu, kind);
}

void evtchn_close_port(u32 port)
{
    const enum port_kind kind = port_kinds[port];

    evtchn_ops->mask(port);
    port_kinds[port] = PORT_FREE;
    if (kind != PORT_CONSOLE)
        evtchn_close(port);
}

bool evtchn_is_soft_line(u32 port)
{
    return port < XEN_PORTS_MAX && port_kinds[port] == PORT_LINE;
}

bool evtchn_is_channel(u32 port)
{
    return port < XEN_PORTS_MAX && port_kinds[port] == PORT_CHANNEL;
}

bool evtchn_is_line(u32 port)
{
    return port < XEN_PORTS_MAX && port_kinds[port] >= PORT_LINE &&
           port_kinds[port] <= PORT_CONSOLE;
}

u32 xen_own_port(enum port_kind kind)
{
    u32 *port = &xen_ports[pv_this_cpu()][kind];

    if (!*port) {
        const int bound = evtchn_bind_port(kind);

        *port = bound > 0 ? (u32)bound : 0;
    }
    return *port;
}

const char *evtchn_init(const char *abi)
{
    memset(port_kinds, PORT_FREE, sizeof(port_kinds));
    memset(xen_ports, 0, sizeof(xen_ports));
    evtchn_2l_init();
    if (!strcmp(abi, "2l") || !evtchn_fifo_init())
        return NULL;
    /* Xen without FIFO is an error only if the user asked for it, or if the switch is half done. */
    return *abi || evtchn_ops != &evtchn_ops_2l ? "Xen refuses the FIFO event channels" : NULL;
}
