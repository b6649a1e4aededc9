/* SPDX-License-Identifier: MIT */
/*
 * The console ring of a domU: two byte queues in one page that the domain shares with the console
 * daemon of dom0 (xen/io/console.h). The domain produces in `out`, the daemon in `in`. An index
 * counts bytes since the start and is never reduced; its low bits are the place in the array. So a
 * queue holds prod - cons bytes, and is full when that is the array's size.
 *
 * The daemon may store anything in the page at any moment. Each function reads an index once, uses
 * that copy, and takes a queue that seems to hold more than fits for a full one (out) or an empty
 * one (in). Nothing is kept outside of the page, so a restore needs no repair here. This is pure
 * code, which test/host/test_console_ring.c runs on the host.
 */
#ifndef PV_XEN_CONSOLE_RING_H
#define PV_XEN_CONSOLE_RING_H

#include "lib/types.h"
#include <xen/xen.h>
#include <xen/io/console.h>

/* Return how many bytes fit into the queue out; 0 if the daemon has broken its index. */
static inline u32 console_ring_room(const struct xencons_interface *ring)
{
    const u32 used = READ_ONCE(ring->out_prod) - READ_ONCE(ring->out_cons);

    return used <= sizeof(ring->out) ? (u32)sizeof(ring->out) - used : 0;
}

/* Return whether the daemon has taken all bytes of the queue out. */
static inline bool console_ring_is_drained(const struct xencons_interface *ring)
{
    return READ_ONCE(ring->out_prod) == READ_ONCE(ring->out_cons);
}

/* Append as many of the bytes as fit. Return how many did. One producer at a time. */
static inline u32 console_ring_put(struct xencons_interface *ring, const char *text, u32 len)
{
    const u32 room = console_ring_room(ring), count = MIN(len, room);
    const u32 prod = READ_ONCE(ring->out_prod);

    for (u32 i = 0; i < count; i++)
        ring->out[MASK_XENCONS_IDX(prod + i, ring->out)] = text[i];
    __atomic_store_n(&ring->out_prod, prod + count, __ATOMIC_RELEASE);
    return count;
}

/*
 * Take one byte of the queue in, on any number of CPUs at once. Return it, or -1 if none is there.
 * *notify: whether the daemon may wait for room, and wants an event: the queue was full, or is
 * empty now.
 */
static inline int console_ring_get(struct xencons_interface *ring, bool *notify)
{
    u32 cons = READ_ONCE(ring->in_cons), used;
    u8 byte;

    *notify = false;
    do {
        used = __atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE) - cons;
        if (!used || used > sizeof(ring->in))
            return -1;
        byte = (u8)READ_ONCE(ring->in[MASK_XENCONS_IDX(cons, ring->in)]);
    } while (!__atomic_compare_exchange_n(&ring->in_cons, &cons, cons + 1, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
    *notify = used == sizeof(ring->in) || used == 1;
    return byte;
}

#endif
