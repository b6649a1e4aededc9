/* SPDX-License-Identifier: MIT */
/*
 * How the two halves of a device come together. Each half has a node "state" in xenstore, which the
 * other half watches (Xen: xen/io/xenbus.h). This is the frontend's part, as a function of both:
 *
 *   frontend                                    backend
 *   Initialising                                Initialising, then InitWait: its features are there
 *     connect: publishes the ring, the event
 *     channel and what it wants
 *   Initialised                                 maps the ring; publishes the device's properties
 *                                               Connected
 *     finish: reads the properties
 *   Connected                                   Connected
 *
 * Network backends become Connected only after the frontend. For them the frontend publishes
 * Connected in place of Initialised, and is Initialised to itself until finish.
 *
 * A detach begins with the backend's Closing; the frontend finishes what is outstanding and becomes
 * Closed. A backend whose driver is unbound leaves its state as it is. When it is bound again it is
 * in InitWait, finds the frontend Connected, and attaches to the ring that the frontend has
 * published, which holds the requests without an answer. So the frontend only waits, as Linux's do.
 * A backend whose nodes are made again, or vanish, may be in any state at any time. This is pure
 * code.
 */
#ifndef DRIVERS_XENBUS_STATE_H
#define DRIVERS_XENBUS_STATE_H

#include "lib/types.h"

enum xenbus_state {
    XENBUS_UNKNOWN = 0, /* also: the node is missing */
    XENBUS_INITIALISING = 1,
    XENBUS_INIT_WAIT = 2,
    XENBUS_INITIALISED = 3,
    XENBUS_CONNECTED = 4,
    XENBUS_CLOSING = 5,
    XENBUS_CLOSED = 6,
    XENBUS_RECONFIGURING = 7,
    XENBUS_RECONFIGURED = 8,
};

enum xenbus_action {
    XENBUS_WAIT,    /* for a change of the backend's state */
    XENBUS_CONNECT, /* publish, and become Initialised */
    XENBUS_FINISH,  /* read the properties, and become Connected */
    XENBUS_CLOSE,   /* finish what is outstanding, disconnect, and become Closed */
    XENBUS_LOSE,    /* disconnect at once, because the backend answers no more, and start again */
    XENBUS_RESET,   /* publish Closed, so that a backend that is connected to another becomes so */
    XENBUS_RESTART, /* publish Initialising: a backend that is closed then offers itself again */
};

/*
 * Return what a frontend in the state front does: XENBUS_INITIALISING, _INITIALISED, _CONNECTED or
 * _CLOSED. back: any number.
 */
enum xenbus_action xenbus_next(enum xenbus_state front, u64 back);

/* Return the name of a state, for messages. */
const char *xenbus_state_name(u64 state);

#endif
