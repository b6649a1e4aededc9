/* SPDX-License-Identifier: MIT */
/* How the two halves of a device come together (drivers/xenbus_state.h). */
#include "drivers/xenbus_state.h"

/* The frontend has not published anything that this backend may use. */
static enum xenbus_action when_apart(u64 back)
{
    switch (back) {
    case XENBUS_INIT_WAIT:
    case XENBUS_INITIALISED: /* a backend that does not wait for the frontend */
        return XENBUS_CONNECT;
    case XENBUS_CONNECTED: /* to a kernel that ran in this domain before */
        return XENBUS_RESET;
    case XENBUS_CLOSING:
        return XENBUS_CLOSE;
    case XENBUS_CLOSED:
        return XENBUS_RESTART;
    default:
        return XENBUS_WAIT;
    }
}

/*
 * The frontend has published its ring, and the backend may use it. A backend in InitWait has been
 * bound to its driver again: it attaches to the published ring, and continues where it was unbound.
 */
static enum xenbus_action when_published(enum xenbus_state front, u64 back)
{
    switch (back) {
    case XENBUS_UNKNOWN:
    case XENBUS_INITIALISING: /* the toolstack has made the backend's nodes again */
        return XENBUS_LOSE;
    case XENBUS_CONNECTED:
        return front == XENBUS_CONNECTED ? XENBUS_WAIT : XENBUS_FINISH;
    case XENBUS_CLOSING:
    case XENBUS_CLOSED:
        return XENBUS_CLOSE;
    default:
        return XENBUS_WAIT;
    }
}

/* A closed device stays closed until the toolstack makes its nodes again. */
enum xenbus_action xenbus_next(enum xenbus_state front, u64 back)
{
    if (front == XENBUS_CLOSED)
        return XENBUS_WAIT;
    return front == XENBUS_INITIALISING ? when_apart(back) : when_published(front, back);
}

const char *xenbus_state_name(u64 state)
{
    static const char *const names[] = {"unknown",     "initialising",  "waiting for the frontend",
                                        "initialised", "connected",     "closing",
                                        "closed",      "reconfiguring", "reconfigured"};

    return state < ARRAY_SIZE(names) ? names[state] : "not a state";
}
