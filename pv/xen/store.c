/* SPDX-License-Identifier: MIT */
/*
 * The way to xenstore: the page and the event channel that the toolstack has prepared for this
 * domain (toolstack_page in struct xen_variant). What the bytes mean is drivers/'s business.
 */
#include "pv/xen/events.h"

int xen_xenstore_bind(pfn_t *page)
{
    u32 port = 0;
    const void *va = xen_is_dom0() ? NULL : xen_variant->toolstack_page(XEN_PAGE_STORE, &port);
    int line;

    if (!va || !port)
        return -ENODEV;
    if (evtchn_is_line(port))
        return -EBUSY;
    line = evtchn_adopt_port(port, PORT_CHANNEL);
    if (line >= 0)
        *page = va_to_pfn(va);
    return line;
}
