/* SPDX-License-Identifier: MIT */
/*
 * A network interface that a backend in another domain serves: what net.c, which connects it, and
 * net_send.c and net_receive.c share. kernel/net.h is how others use it.
 *
 * Each ring has a page for each of its slots, granted as long as the interface is connected; the
 * id of a request is the page's number. All data is copied through these pages, so no page of a
 * program's is ever shared, and a frame costs no grant.
 *
 * Threads copy, without the lock. A page that is being filled or emptied is neither outstanding nor
 * free, so a new connection, which begins with empty rings, does not touch it. The interrupts take
 * what was sent, and wake threads that wait for room or for a frame. While the interface is not
 * open, they drop what was received.
 */
#ifndef DRIVERS_NET_H
#define DRIVERS_NET_H

#include "drivers/deadline.h"
#include "drivers/granted.h"
#include "drivers/net_wire.h"
#include "drivers/xenbus.h"
#include "kernel/net.h"

/* A backend that makes no room in the ring for so long is not waited for. */
#define NET_PATIENCE_NS (10 * NS_PER_S)

#define NET_NO_LINE (~0u)

enum { NET_TX, NET_RX, NET_RINGS };

/* The pages of an interface: those of each ring's slots, and the rings. */
enum {
    NET_TX_PAGES = 0,
    NET_RX_PAGES = NET_SLOTS,
    NET_RING_PAGES = 2 * NET_SLOTS,
    NET_PAGES = NET_RING_PAGES + NET_RINGS,
};

struct net {
    struct netif netif;
    struct xenbus_device *device;
    /* All below. Guarded by: queue's lock, once the interface is connected; all waiters sleep
     * there.
     */
    struct wait_queue queue;
    bool connected;  /* the backend uses the rings */
    bool held;       /* a suspend is in progress: nothing is sent */
    bool expected;   /* restored, and not connected yet: senders wait */
    bool many_parts; /* a frame that is sent may have several */
    bool split;      /* the rings have a line each */
    struct ring rings[NET_RINGS];
    u32 lines[NET_RINGS];
    struct net_sent sent;
    u16 free_ids[NET_SLOTS]; /* of the transmit ring; a stack: the last used is used first */
    u32 nr_free_ids;
    struct net_posted posted;
    bool emptied[NET_SLOTS]; /* by id, of the receive ring: a thread copies it out */
    struct net_frame incoming;
    u64 dropped; /* frames that the backend did not forward */
    /* Guarded by: the xenbus thread, once the interface is connected. */
    struct granted_page pages[NET_PAGES];
    u32 granted_to;
    bool registered;
};

extern const struct xenbus_driver net_driver;

/*
 * A wait in the interface's queue for at most ns. Zeroed but for ns and plain at first. plain: the
 * wait is not for an answer of the backend's (drivers/deadline.h).
 */
struct net_wait {
    u64 ns;
    bool plain;
    bool started;
    struct deadline deadline;
};

/* Sleep until something changes, with the lock held. Return 0; -ETIME after the wait's ns. */
int net_wait(struct net *n, struct net_wait *w, u64 *flags);
void net_wait_end(struct net_wait *w);

/* The handler of both lines; data is the struct net. */
void net_interrupt(void *data);

/* Stop to listen to a backend that breaks the protocol; the xenbus thread closes the interface. The
 * lock is held.
 */
void net_break(struct net *n);

/* Report such a backend, if why is not NULL. The lock is not held. */
void net_report_broken(const struct net *n, const char *why);

/* Publish what was added to a ring. The lock is held. */
void net_publish(struct net *n, u32 ring);

/* ---- net_send.c */

/* netif.send. */
int net_send(struct netif *netif, const void *bytes, const struct netif_frame *frame);

/* The lock is held: take what was sent. Return NULL, or how the backend breaks the protocol. */
const char *net_take_all_sent(struct net *n);

/* The lock is held: forget what is outstanding, because no backend will answer. */
void net_forget_sent(struct net *n);

/* Wait until nothing that was sent is outstanding, or ns have passed. Return whether nothing is. */
bool net_drain(struct net *n, u64 ns);

/* ---- net_receive.c */

/* netif.receive and netif.closed. */
int net_receive(struct netif *netif, void *bytes, struct netif_frame *frame, u64 ns);
void net_closed(struct netif *netif);

/* The lock is held: post all pages that no thread copies out, in an empty ring. */
void net_post_all(struct net *n);

/* The lock is held: drop what was received. Return as net_take_all_sent. */
const char *net_drop_received(struct net *n);

static inline u64 net_lock(struct net *n)
{
    return spin_lock_irqsave(&n->queue.lock);
}

static inline void net_unlock(struct net *n, u64 flags)
{
    spin_unlock_irqrestore(&n->queue.lock, flags);
}

static inline u8 *net_page(const struct net *n, u32 page)
{
    return pfn_to_va(n->pages[page].pfn);
}

#endif
