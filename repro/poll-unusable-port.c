/* SPDX-License-Identifier: MIT */
/*
 * SCHEDOP_poll on a port that no event can come from.
 *
 * @title     poll on a closed or reserved event channel
 * @affected  Xen before 4.16; fixed by d4bfa0c78f
 * @platforms xen-pv xen-pvh
 * @expect    4.14=bad 4.17.5=good 4.17.7=good 4.20=good
 *
 * Background: SCHEDOP_poll blocks the vCPU until one of some ports has an event, or until a time.
 * A port that is closed can never have one.
 *
 * Mechanism: Xen tested only that the port's number is below the number of ports there are room
 * for. With a timeout the poll of a closed port then waits, and ends with 0. Ports from 64 up are
 * refused everywhere as long as no port in their bucket was ever used, so a low one is taken.
 *
 * Verdicts: good: -EINVAL, for a closed port and for port 0, which is reserved. bad: 0.
 *
 * Cannot tell: what a poll without timeout would do; it might never end.
 */
#include "repro/kit.h"

#define TIMEOUT_NS 20000000

static long poll(evtchn_port_t port)
{
    struct sched_poll poll = {.nr_ports = 1, .timeout = kit_now() + TIMEOUT_NS};

    set_xen_guest_handle_raw(poll.ports, &port);
    return hc_sched_op(SCHEDOP_poll, &poll);
}

REPRO("poll-unusable-port")
{
    evtchn_port_t port;
    long open, closed = KIT_NOT_MADE, reserved = KIT_NOT_MADE;

    kit_needs(KIT_XEN);
    port = kit_new_port();
    open = poll(port);
    if (port >= 64 || open)
        cannot_tell("poll of open port %u: %ld", port, open);
    kit_close_port(port);
    STEP
    {
        closed = poll(port);
        reserved = poll(0);
    }
    EVIDENCE(closed != KIT_NOT_MADE && reserved != KIT_NOT_MADE);
    if (closed == -EINVAL && reserved == -EINVAL)
        good("closed port %u and reserved port 0: -EINVAL", port);
    bad("closed port %u: %ld, reserved port 0: %ld, instead of -EINVAL", port, closed, reserved);
}
