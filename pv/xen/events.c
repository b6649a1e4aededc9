/*
 * Events: Xen's interrupts. The upcall finds the pending ports and hands each to its owner: the
 * kernel's lines, the timer, the IPIs. Which way the upcall itself arrives is pv/irq.c's and
 * pvh/irq.c's.
 */
#include "lib/string.h"
#include "pv/xen/events.h"
#include "pv/xen/hypercall.h"

/* Written: by irq_init, on one CPU. */
const struct event_abi *event_abi;

/*
 * Atomic: bytes of a port that Xen gave to this CPU alone; the kind is written last when it is
 * bound and first when it is closed, and the port is masked around both. xen_ports: each CPU binds
 * its own.
 */
static u8 kinds[XEN_PORTS_MAX];  /* enum port_kind */
static u8 owners[XEN_PORTS_MAX]; /* the CPU that bound it, and takes its events */
u32 xen_ports[PV_CPUS_MAX][PORT_NR_KINDS];

/* The word of a port's bit, and in it the bit. */
static u32 *word_of(const struct event_bits *bits, u32 port, u32 *bit)
{
    const u32 number = port * bits->stride + bits->first;

    *bit = 1u << number % 32;
    return &bits->words[number / 32];
}

bool xen_port_is_masked(u32 port)
{
    u32 bit;

    return READ_ONCE(*word_of(&event_abi->masked, port, &bit)) & bit;
}

static void mask(u32 port)
{
    u32 bit, *word = word_of(&event_abi->masked, port, &bit);

    __atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
}

bool xen_port_take(u32 port)
{
    u32 bit, *word = word_of(&event_abi->pending, port, &bit);

    return READ_ONCE(*word) & bit && __atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST) & bit;
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

void xen_event_deliver(struct trap_frame *frame, u32 port)
{
    const u32 kind = kinds[port];

    if (owners[port] != pv_this_cpu() || xen_port_is_masked(port) || !xen_port_take(port))
        return;
    if (kind == PORT_LINE)
        pv_callbacks->interrupt(frame, port);
    else if (kind == PORT_TIMER)
        pv_callbacks->timer(frame);
    else if (kind >= PORT_IPI && kind < PORT_KICK)
        pv_callbacks->ipi(frame, (enum pv_ipi)(kind - PORT_IPI));
}

/* Their structs are of the port alone (xen/event_channel.h). */
long xen_port_op(unsigned int cmd, u32 port)
{
    return xen_event_channel_op(cmd, &port);
}

/* bind_ipi's struct is the end of bind_virq's. */
_Static_assert(offsetof(struct evtchn_bind_virq, port) - offsetof(struct evtchn_bind_virq, vcpu) ==
                   offsetof(struct evtchn_bind_ipi, port),
               "one serves for both");

/* Bind a port of this vCPU, masked. Return the port, or -ENOSPC, whatever Xen lacks. */
static int bind(enum port_kind kind)
{
    const u32 cpu = pv_this_cpu();
    struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER, .vcpu = cpu};
    const long rc = kind == PORT_TIMER ? xen_event_channel_op(EVTCHNOP_bind_virq, &bind)
                                       : xen_event_channel_op(EVTCHNOP_bind_ipi, &bind.vcpu);

    if (rc)
        return -ENOSPC;
    if (bind.port >= event_abi->ports) {
        xen_port_op(EVTCHNOP_close, bind.port);
        return -ENOSPC;
    }
    mask(bind.port);
    owners[bind.port] = (u8)cpu;
    kinds[bind.port] = (u8)kind;
    return (int)bind.port;
}

u32 xen_own_port(enum port_kind kind)
{
    u32 *port = &xen_ports[pv_this_cpu()][kind];

    if (!*port) {
        const int bound = bind(kind);

        *port = bound > 0 ? (u32)bound : 0;
    }
    return *port;
}

/* "2l" keeps the two levels; "" takes FIFO if Xen has it, which "fifo" insists on. */
static const char *choose_abi(const char *abi)
{
    event_2l_init();
    if (!strcmp(abi, "2l") || !event_fifo_init())
        return NULL;
    return *abi || event_abi != &event_abi_2l ? "Xen refuses the FIFO event channels" : NULL;
}

/* Also after a restore, when no port is bound any more. */
const char *xen_irq_init(const char *abi)
{
    const char *error;

    memset(kinds, PORT_FREE, sizeof(kinds));
    memset(xen_ports, 0, sizeof(xen_ports));
    error = choose_abi(abi);
    return error ? error : xen_smp_events_init();
}

int xen_irq_bind(enum pv_irq_source source, u32 number)
{
    if (source == PV_IRQ_SOFT && !number)
        return bind(PORT_LINE);
    return source == PV_IRQ_GSI || (source == PV_IRQ_ISA && number < 16) ? -ENODEV : -EINVAL;
}

static bool is_line(u32 line)
{
    return line < XEN_PORTS_MAX && kinds[line] == PORT_LINE;
}

int xen_irq_mask(u32 line)
{
    if (!is_line(line))
        return -EINVAL;
    mask(line);
    return 0;
}

int xen_irq_unbind(u32 line)
{
    if (xen_irq_mask(line))
        return -EINVAL;
    kinds[line] = PORT_FREE;
    xen_port_op(EVTCHNOP_close, line);
    return 0;
}

static int line_op(unsigned int cmd, u32 line)
{
    return is_line(line) && !xen_port_op(cmd, line) ? 0 : -EINVAL;
}

/* Xen itself looks for what came meanwhile, and raises the upcall. */
int xen_irq_unmask(u32 line)
{
    return line_op(EVTCHNOP_unmask, line);
}

int xen_irq_raise(u32 line)
{
    return line_op(EVTCHNOP_send, line);
}

/* An event's pending bit was cleared before its handler ran: nothing is left to say at its end. */
const struct pv_irq_ops xen_irq_ops = {
    .irq_init = xen_irq_init,
    .irq_bind = xen_irq_bind,
    .irq_unbind = xen_irq_unbind,
    .irq_mask = xen_irq_mask,
    .irq_unmask = xen_irq_unmask,
    .irq_eoi = (void *)xen_nop,
    .irq_raise = xen_irq_raise,
};
