/* SPDX-License-Identifier: MIT */
/*
 * Event channels between domains, and this domain's own number.
 *
 * A channel has two ends, each a port of its domain. One domain allocates a port for a partner, and
 * passes the number by other means (xenstore); the partner binds a port of its own to it. From
 * then on each end notifies the other. A port is a line of the class irq (irq.c), on whichever CPU
 * allocated or bound it. If one end is closed the other is unbound again: notifications of it are
 * dropped without an error.
 */
#include "pv/xen/events.h"
#include "pv/xen/grant.h"
#include "pv/xen/hypercall.h"

#define ID_UNKNOWN DOMID_SELF

/* Atomic: ID_UNKNOWN, or this domain's number, which every CPU finds alike. */
static domid_t own_id = ID_UNKNOWN;

/*
 * Find the domain's own number. No hypercall returns it to PV and PVH guests alike, but Xen
 * replaces DOMID_SELF when a port is allocated for it, and shows the result.
 */
static domid_t find_own_id(void)
{
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    struct evtchn_status status = {.dom = DOMID_SELF};
    struct evtchn_close close;
    domid_t id = ID_UNKNOWN;

    if (xen_event_channel_op(EVTCHNOP_alloc_unbound, &alloc))
        return ID_UNKNOWN;
    status.port = close.port = alloc.port;
    if (!xen_event_channel_op(EVTCHNOP_status, &status) && status.status == EVTCHNSTAT_unbound)
        id = status.u.unbound.dom;
    xen_event_channel_op(EVTCHNOP_close, &close);
    return id;
}

int xen_domain_id(u32 domain)
{
    domid_t id = READ_ONCE(own_id);

    if (domain != PV_DOMAIN_SELF)
        return domain < DOMID_FIRST_RESERVED ? (int)domain : -EINVAL;
    if (id == ID_UNKNOWN) {
        id = find_own_id();
        WRITE_ONCE(own_id, id);
    }
    return id == ID_UNKNOWN ? -EINVAL : id;
}

void xen_domain_id_forget(void)
{
    WRITE_ONCE(own_id, ID_UNKNOWN);
}

int xen_evtchn_alloc(u32 domain)
{
    struct evtchn_alloc_unbound op = {.dom = DOMID_SELF};
    const int id = xen_domain_id(domain);

    if (id < 0)
        return -EINVAL;
    op.remote_dom = (domid_t)id;
    return xen_event_channel_op(EVTCHNOP_alloc_unbound, &op)
               ? -ENOSPC
               : evtchn_adopt_port(op.port, PORT_CHANNEL);
}

/* Every error but "no port is free" means that the other end is not there for this domain. */
int xen_evtchn_bind(u32 domain, u32 port)
{
    struct evtchn_bind_interdomain op = {.remote_port = port};
    const int id = xen_domain_id(domain);
    long error;

    if (id < 0)
        return -EINVAL;
    op.remote_dom = (domid_t)id;
    error = xen_event_channel_op(EVTCHNOP_bind_interdomain, &op);
    if (error)
        return error == -ENOSPC ? -ENOSPC : -EINVAL;
    return evtchn_adopt_port(op.local_port, PORT_CHANNEL);
}

int xen_evtchn_port(u32 line)
{
    return evtchn_is_channel(line) ? (int)line : -EINVAL;
}

int xen_evtchn_notify(u32 line)
{
    return evtchn_is_channel(line) && !evtchn_send(line) ? 0 : -EINVAL;
}
