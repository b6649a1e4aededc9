/*
 * Events: Xen's interrupts. The upcall finds the pending ports and hands each to its owner: the
 * kernel's lines, the timer, the IPIs. Which way the upcall itself arrives is pv/irq.c's and
 * pvh/irq.c's.
 */
#include "lib/string.h"
#include "pv/xen/events.h"
#include "pv/xen/hypercall.h"

const struct event_abi *event_abi = &event_abi_2l;

static u8 kinds[XEN_PORTS_MAX];  /* enum port_kind */
static u8 owners[XEN_PORTS_MAX]; /* the CPU that bound it, and takes its events */

bool xen_port_is_mine(u32 port)
{
    return owners[port] == pv_this_cpu();
}

/*
 * Xen sets evtchn_upcall_pending last. Cleared first, it is set again by whatever the scan comes
 * too late for; the scan begins with a locked exchange, so that no read of it can come before the
 * store.
 */
void xen_event_upcall(struct trap_frame *frame)
{
    struct vcpu_info *v = xen_vcpu_info();

    do {
        WRITE_ONCE(v->evtchn_upcall_pending, 0);
        event_abi->scan(frame);
    } while (READ_ONCE(v->evtchn_upcall_pending));
}

void xen_event_dispatch(struct trap_frame *frame, u32 port)
{
    const enum port_kind kind = (enum port_kind)kinds[port];

    if (kind == PORT_LINE)
        pv_upcalls->interrupt(frame, port);
    else if (kind == PORT_TIMER)
        pv_upcalls->timer(frame);
    else if (kind >= PORT_IPI && kind < PORT_KICK)
        pv_upcalls->ipi(frame, (enum pv_ipi)(kind - PORT_IPI));
}

long xen_unmask(u32 port)
{
    struct evtchn_unmask unmask = {.port = port};

    return xen_event_channel_op(EVTCHNOP_unmask, &unmask);
}

long xen_send(u32 port)
{
    struct evtchn_send send = {.port = port};

    return xen_event_channel_op(EVTCHNOP_send, &send);
}

static void close_port(u32 port)
{
    struct evtchn_close close = {.port = port};

    xen_event_channel_op(EVTCHNOP_close, &close);
}

/* rc: what a bind returned. */
static int take_port(long rc, u32 port, enum port_kind kind)
{
    if (rc)
        return (int)rc;
    if (port >= event_abi->ports) {
        close_port(port);
        return -ENOSPC;
    }
    event_abi->mask(port);
    owners[port] = (u8)pv_this_cpu();
    kinds[port] = (u8)kind;
    return (int)port;
}

static int bind_ipi_once(enum port_kind kind)
{
    struct evtchn_bind_ipi bind = {.vcpu = pv_this_cpu()};
    const long rc = xen_event_channel_op(EVTCHNOP_bind_ipi, &bind);

    return take_port(rc, bind.port, kind);
}

static long go_fifo(void)
{
    const u64 flags = pv_save_fl();
    long rc;

    pv_irq_disable();
    rc = event_fifo_switch();
    pv_restore_fl(flags);
    xen_smp_rescan();
    return rc;
}

/* Where two levels have no port left, the FIFO ABI has: the switch is made when it is needed. */
int xen_bind_ipi(enum port_kind kind)
{
    int port = bind_ipi_once(kind);

    if (port == -ENOSPC && event_abi == &event_abi_2l && !go_fifo())
        port = bind_ipi_once(kind);
    return port;
}

int xen_bind_virq(u32 virq, enum port_kind kind)
{
    struct evtchn_bind_virq bind = {.virq = virq, .vcpu = pv_this_cpu()};
    const long rc = xen_event_channel_op(EVTCHNOP_bind_virq, &bind);

    return take_port(rc, bind.port, kind);
}

const char *xen_events_init(const char *abi)
{
    event_2l_init();
    if (!strcmp(abi, "fifo") && go_fifo())
        return "Xen refuses the FIFO event channels";
    return xen_smp_events_init() ? NULL : "Xen gives no event channels for IPIs and locks";
}

int xen_irq_bind(enum pv_irq_source source, u32 number)
{
    switch (source) {
    case PV_IRQ_SOFT:
        return number ? -EINVAL : xen_bind_ipi(PORT_LINE);
    case PV_IRQ_ISA:
        return number < 16 ? -ENODEV : -EINVAL;
    case PV_IRQ_GSI:
        return -ENODEV;
    }
    return -EINVAL;
}

static bool is_line(u32 line)
{
    return line < XEN_PORTS_MAX && kinds[line] == PORT_LINE;
}

int xen_irq_unbind(u32 line)
{
    if (!is_line(line))
        return -EINVAL;
    event_abi->mask(line);
    kinds[line] = PORT_FREE;
    close_port(line);
    return 0;
}

int xen_irq_mask(u32 line)
{
    if (!is_line(line))
        return -EINVAL;
    event_abi->mask(line);
    return 0;
}

/* Xen itself looks for what came meanwhile, and raises the upcall. */
int xen_irq_unmask(u32 line)
{
    return is_line(line) ? (int)xen_unmask(line) : -EINVAL;
}

/* The pending bit was cleared before the handler ran: nothing is left to say. */
void xen_irq_eoi(u32 line)
{
    (void)line;
}

int xen_irq_raise(u32 line)
{
    return is_line(line) ? (int)xen_send(line) : -EINVAL;
}
