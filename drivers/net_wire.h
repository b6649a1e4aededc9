/* SPDX-License-Identifier: MIT */
/*
 * The network protocol as bytes: what an interface's frontend and its backend write into their two
 * rings. Written from Xen's xen/io/netif.h; test/host/test_net.c compares the structs with it.
 *
 * Transmit ring: the frontend sends a frame as one or more requests, each a part of a granted page;
 * the first has the length of the whole frame. Receive ring: the frontend posts granted pages, and
 * the backend fills one or more of them with a frame.
 *
 * In both rings, a frame that is to be split, or was not split, into TCP segments has an extra slot
 * after its first one. An extra slot has no id. The backend answers that of a transmit ring with
 * the status NET_NULL. In a receive ring it takes the place of a response, and the request whose
 * place that was is used up; so responses are in the order of their requests.
 *
 * This is pure code, which the host tests and fuzzes.
 */
#ifndef DRIVERS_NET_WIRE_H
#define DRIVERS_NET_WIRE_H

#include "drivers/ring.h"

#define NET_SLOTS     256          /* of each ring, which is a page */
#define NET_PARTS_MAX 19           /* of a frame: 18 with data, and an extra slot */
#define NET_FRAME_MAX (65535 + 18) /* bytes: an IP packet, a header and a VLAN tag */

/* Flags of a request or a response. Two of them differ between the rings. */
enum {
    NET_TX_BLANK = 1, /* the TCP or UDP checksum is that of the pseudo header only */
    NET_TX_VALID = 2, /* the checksum need not be compared */
    NET_RX_VALID = 1,
    NET_RX_BLANK = 2,
    NET_MORE_DATA = 4,  /* the frame continues in the next slot that is not an extra one */
    NET_EXTRA_INFO = 8, /* the next slot is an extra one */
};

/* The status of a response; one that has received data has their length instead. */
enum net_status {
    NET_DROPPED = -2,
    NET_ERROR = -1,
    NET_OKAY = 0,
    NET_NULL = 1, /* of an extra slot */
};

struct net_tx_request {
    u32 ref;
    u16 offset, flags;
    u16 id, size; /* size: in the first request of a frame, the frame's length */
};

struct net_tx_response {
    u16 id;
    int16_t status;
};

struct net_rx_request {
    u16 id, reserved;
    u32 ref;
};

struct net_rx_response {
    u16 id, offset, flags;
    int16_t status;
};

enum {
    NET_EXTRA_SEGMENTS = 1, /* net_extra.type */
    NET_EXTRA_MORE = 1,     /* net_extra.flags: another extra slot follows */
    NET_SEGMENTS_TCP4 = 1,  /* net_extra.protocol */
};

struct net_extra {
    u8 type, flags;
    u16 size; /* bytes of data of each segment */
    u8 protocol, reserved;
    u16 features;
};

/* What is outstanding in a transmit ring. Zeroed at first. */
struct net_sent {
    bool outstanding[NET_SLOTS]; /* by id */
    u32 nr_outstanding, nr_extras;
};

/* Record that a request, or an extra slot, was sent. */
static inline void net_note_sent(struct net_sent *sent, u16 id)
{
    sent->outstanding[id] = true;
    sent->nr_outstanding++;
}

static inline void net_note_extra(struct net_sent *sent)
{
    sent->nr_extras++;
}

/*
 * Take a response out of the transmit ring, and its id out of *sent. Return 1; 0 without a
 * response; -EIO, with *why in words, if the backend breaks the protocol.
 */
int net_take_sent(struct ring *ring, struct net_sent *sent, u16 *id, int *status, const char **why);

/* The id of each request of a receive ring, by its place in the ring. */
struct net_posted {
    u16 ids[NET_SLOTS];
};

/* Add a request to a receive ring, which has room. */
void net_post(struct ring *ring, struct net_posted *posted, u16 id, u32 ref);

/* A part of a received frame: len bytes at offset of the page that was posted as id. */
struct net_part {
    u16 id, offset, len;
};

/* A received frame. Its len is at most NET_FRAME_MAX. */
struct net_frame {
    struct net_part parts[NET_PARTS_MAX]; /* an extra slot is one without data */
    u32 nr_parts, len;
    u16 flags;        /* of its first part */
    u16 segment;      /* bytes of data of each TCP segment, or 0: it is one */
    bool more, extra; /* another part, or an extra slot, follows */
    bool failed;      /* a part has failed, so the frame is not whole */
};

/*
 * Take responses out of the receive ring until a frame is complete. *frame is zeroed at first and
 * after each complete frame; between calls it keeps a part of one. The pages of its parts are the
 * frontend's again, those of a frame that has failed, too. Return 1 for a complete frame; 0 if more
 * is to come; -EIO, with *why in words, if the backend breaks the protocol.
 */
int net_take_received(struct ring *ring, const struct net_posted *posted, struct net_frame *frame,
                      const char **why);

/* Read a MAC address, "00:16:3e:00:00:01". Return false for another text, or not a station's. */
bool net_parse_mac(const char *text, u8 mac[6]);

#endif
