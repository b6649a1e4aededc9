/* SPDX-License-Identifier: MIT */
/*
 * A network interface whose backend is the test itself. The guest is both halves: it offers its
 * event channels to itself, and the nodes of both halves are below "data".
 */
#ifndef TEST_DRIVERS_NET_PEER_H
#define TEST_DRIVERS_NET_PEER_H

#include "drivers/net.h"
#include "test/harness/test.h"

#define PEER_FRONT "data/net/front"
#define PEER_BACK  "data/net/back"

/* How long the other half may take. */
#define PEER_PATIENCE_NS (10 * NS_PER_S)

#define IN_STORE \
    if (xenstore_absence()) \
    SKIP("%s", xenstore_absence())

/* The device stays registered, so it is made once; no list of the toolstack's has it. */
extern struct xenbus_device peer_device;

/* Memory for a frame of NETIF_FRAME_MAX bytes. */
extern u8 *peer_frame;

/* The backend's side of the rings. */
struct peer {
    struct ring_shared *rings[NET_RINGS];
    u32 lines[NET_RINGS], nr_lines;
    u32 req_cons[NET_RINGS];
};
extern struct peer peer;

struct net *peer_net(void);
struct netif *peer_netif(void);

/* Write a node of the backend's; offer an interface with or without features. */
void peer_offer(const char *name, const char *value);
bool peer_offer_all(bool features);

/* Connect both halves, and open the interface; and the reverse. */
bool peer_connect(bool features);
void peer_part(void);
void peer_lines_unbind(void);

/* Write a response of len bytes; notify the frontend of what was written. */
void peer_respond(u32 ring, const void *response, u32 len);
void peer_notify(u32 ring);

/* Take the next request of the transmit ring, len bytes. Return false if none arrives. */
bool peer_next_sent(void *request, u32 len);
void peer_respond_sent(u16 id, int16_t status);

/* Return the id of the next request of the receive ring, and use it up. */
u16 peer_next_posted(void);

/* Fill the next posted page with bytes of a value, at an offset; or answer with an extra slot. */
void peer_respond_data(u8 value, u16 offset, int16_t len, u16 flags);
void peer_respond_extra(struct net_extra extra);

/* Receive into peer_frame, or send from it. */
int peer_receive(struct netif_frame *info, u64 ns);
int peer_send(u32 len, enum netif_checksum sum, u16 segment);

#endif
