/* SPDX-License-Identifier: MIT */
/*
 * The interrupt of console input. In a domU it is the event channel of the console ring, whose
 * daemon notifies it of input and of room that it has made for output. The toolstack has allocated
 * the port, and the output needs it too, so the domain does not close it. In dom0 it is
 * VIRQ_CONSOLE, which Xen raises for each byte that it receives for dom0. Xen accepts one binding
 * of it, to vCPU 0 at first, and the port is kept as well.
 */
#include "pv/spinlock.h"
#include "pv/xen/events.h"

/* Guarded by: bind_lock, held until the port is a line, so that no second caller finds it free. */
static struct spinlock bind_lock = SPINLOCK("console port");

static u32 console_virq_port(void)
{
    static u32 port; /* Guarded by: bind_lock. The first call binds it. */

    if (!port)
        evtchn_bind_virq(VIRQ_CONSOLE, 0, &port);
    return port;
}

static int console_bind(void)
{
    u32 port = 0;

    if (xen_is_dom0())
        port = console_virq_port();
    else if (!xen_variant->toolstack_page(XEN_PAGE_CONSOLE, &port))
        port = 0;
    if (!port)
        return -ENODEV;
    return evtchn_is_line(port) ? -EBUSY : evtchn_adopt_port(port, PORT_CONSOLE);
}

int xen_bind_console(void)
{
    const u64 flags = spin_lock_irqsave(&bind_lock);
    const int line = console_bind();

    spin_unlock_irqrestore(&bind_lock, flags);
    return line;
}
