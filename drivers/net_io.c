/* SPDX-License-Identifier: MIT */
/* What both directions of a network interface share (drivers/net.h): waits and interrupts. */
#include "drivers/net.h"
#include "kernel/console.h"
#include "pv/pv.h"

int net_wait(struct net *n, struct net_wait *w, u64 *flags)
{
    if (!w->ns || (w->started && w->deadline.passed))
        return -ETIME;
    if (w->started || w->ns == NETIF_FOREVER) {
        *flags = wait_on(&n->queue, *flags);
        return 0;
    }
    net_unlock(n, *flags);
    if (w->plain)
        deadline_start_plain(&w->deadline, &n->queue, w->ns);
    else
        deadline_start(&w->deadline, &n->queue, w->ns);
    w->started = true;
    *flags = net_lock(n);
    return 0; /* it may have changed in between */
}

void net_wait_end(struct net_wait *w)
{
    if (w->started)
        deadline_stop(&w->deadline);
}

void net_publish(struct net *n, u32 ring)
{
    if (ring_publish(&n->rings[ring]))
        pv_evtchn_notify(n->lines[ring]);
}

void net_break(struct net *n)
{
    n->connected = false;
    WRITE_ONCE(n->netif.up, false);
    WRITE_ONCE(n->device->broken, true);
    wake_all_locked(&n->queue);
}

void net_report_broken(const struct net *n, const char *why)
{
    if (!why)
        return;
    log_warn("net: %s: the backend is faulty: %s; the interface is closed", n->netif.name, why);
    xenbus_kick();
}

void net_interrupt(void *data)
{
    struct net *n = data;
    const u64 flags = net_lock(n);
    const char *why = NULL;

    if (n->connected)
        why = net_take_all_sent(n);
    if (!why && !READ_ONCE(n->netif.open))
        why = net_drop_received(n);
    wake_all_locked(&n->queue);
    net_unlock(n, flags);
    net_report_broken(n, why);
}
