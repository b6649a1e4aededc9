/* SPDX-License-Identifier: MIT */
/*
 * The interrupt ops of both Xen backends. An interrupt line is an event channel port of kind
 * PORT_LINE or PORT_CONSOLE, or of kind PORT_CHANNEL, which peer.c binds (events.c). A guest
 * without devices has no other lines: ISA interrupts and GSIs do not exist here.
 */
#include "pv/xen/events.h"

const char *xen_irq_init(const char *abi)
{
    const char *error = evtchn_init(abi);

    return error ? error : xen_smp_events_init();
}

int xen_irq_bind(enum pv_irq_source source, u32 number)
{
    if (source == PV_IRQ_SOFT && !number)
        return evtchn_bind_port(PORT_LINE);
    if (source == PV_IRQ_CONSOLE && !number)
        return xen_bind_console();
    return source == PV_IRQ_GSI || (source == PV_IRQ_ISA && number < 16) ? -ENODEV : -EINVAL;
}

int xen_irq_unbind(u32 line)
{
    if (!evtchn_is_line(line))
        return -EINVAL;
    evtchn_close_port(line);
    return 0;
}

int xen_irq_mask(u32 line)
{
    if (!evtchn_is_line(line))
        return -EINVAL;
    evtchn_ops->mask(line);
    return 0;
}

/* Xen clears the mask and, if the port became pending while it was set, notifies the vCPU. */
int xen_irq_unmask(u32 line)
{
    return evtchn_is_line(line) && !evtchn_unmask(line) ? 0 : -EINVAL;
}

int xen_irq_raise(u32 line)
{
    return evtchn_is_soft_line(line) && !evtchn_send(line) ? 0 : -EINVAL;
}

/*
 * An event channel needs no end of interrupt: the pending bit was cleared before the handler ran.
 */
void xen_irq_eoi(u32 line)
{
    (void)line;
}

const struct pv_irq_ops xen_irq_ops = {
    .irq_init = xen_irq_init,
    .irq_bind = xen_irq_bind,
    .irq_unbind = xen_irq_unbind,
    .irq_mask = xen_irq_mask,
    .irq_unmask = xen_irq_unmask,
    .irq_eoi = xen_irq_eoi,
    .irq_raise = xen_irq_raise,
};
