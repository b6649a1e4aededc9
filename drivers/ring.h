/* SPDX-License-Identifier: MIT */
/*
 * A ring of requests and responses in pages that a frontend shares with its backend, as Xen's
 * xen/io/ring.h has it; test/host/test_ring.c compares the layout with that header.
 *
 * The pages begin with four indices, which count entries and wrap at 2^32; the low bits of an index
 * are the place of its entry. The frontend writes requests at req_prod, the backend responses at
 * rsp_prod, into the places of requests that it has read before:
 *
 *        rsp_cons        rsp_prod                       req_prod
 *           |  responses    |   requests without response  |   free
 *
 * Each side sets an event index: it wants to be notified when the other side's producer reaches it.
 *
 * Nothing of the backend's is trusted. The frontend keeps its own copies of the indices that it
 * writes, reads rsp_prod once each time, and refuses more responses than requests are outstanding.
 * This is pure code, which the host tests and fuzzes.
 */
#ifndef DRIVERS_RING_H
#define DRIVERS_RING_H

#include "lib/types.h"

struct ring_shared {
    u32 req_prod, req_event;
    u32 rsp_prod, rsp_event;
    u8 reserved[48];
    u8 entries[];
};

/* The frontend's side of a ring. */
struct ring {
    struct ring_shared *shared;
    u32 size;       /* entries, a power of two */
    u32 entry_size; /* bytes of a request or a response, whichever is longer */
    u32 filled;     /* requests that the frontend has written */
    u32 published;  /* of which the backend may read so many */
    u32 rsp_cons;   /* responses that the frontend has taken */
};

/* Begin a ring in pages of so many bytes, with as many entries as fit: a power of two. */
void ring_init(struct ring *r, void *pages, u32 bytes, u32 entry_size);

/* Return how many requests may be added. */
static inline u32 ring_room(const struct ring *r)
{
    return r->size - (r->filled - r->rsp_cons);
}

/* Add a request; the ring has room. */
void ring_add(struct ring *r, const void *request, u32 len);

/* Publish the requests that were added. Return whether the backend wants to be notified. */
bool ring_publish(struct ring *r);

/*
 * Copy the next response, len bytes. Return 1; 0 if none is there; -EIO if the backend's index is
 * impossible.
 */
int ring_take(struct ring *r, void *response, u32 len);

/*
 * Ask for a notification of the next response. Return whether responses are there already, for
 * which no notification may follow.
 */
bool ring_rearm(struct ring *r);

#endif
