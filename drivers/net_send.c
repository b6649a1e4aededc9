/* SPDX-License-Identifier: MIT */
/* Frames that a network interface sends (drivers/net.h). */
#include "drivers/net.h"
#include "lib/string.h"
#include "pv/pv.h"

const char *net_take_all_sent(struct net *n)
{
    struct ring *const ring = &n->rings[NET_TX];
    const char *why;
    int taken, status;
    u16 id;

    do {
        while ((taken = net_take_sent(ring, &n->sent, &id, &status, &why)) > 0) {
            n->free_ids[n->nr_free_ids++] = id;
            n->dropped += status != NET_OKAY;
        }
    } while (!taken && ring_rearm(ring));
    if (taken >= 0)
        return NULL;
    net_break(n);
    return why;
}

void net_forget_sent(struct net *n)
{
    for (u16 id = 0; id < NET_SLOTS; id++)
        if (n->sent.outstanding[id])
            n->free_ids[n->nr_free_ids++] = id;
    memset(&n->sent, 0, sizeof(n->sent));
}

bool net_drain(struct net *n, u64 ns)
{
    struct net_wait wait = {.ns = ns};
    u64 flags = net_lock(n);
    bool drained;

    while (n->connected && n->sent.nr_outstanding && !net_wait(n, &wait, &flags))
        ;
    drained = !n->sent.nr_outstanding;
    net_unlock(n, flags);
    net_wait_end(&wait);
    return drained;
}

/* ---- One frame ------------------------------------------------------------------------------ */

/* A frame on its way into the ring, and the pages that it has. */
struct outgoing {
    const struct netif_frame *frame;
    u32 nr_pages, nr_slots;
    u16 ids[NET_PARTS_MAX];
};

/* Wait for so many pages and slots. Return 0, -ENXIO or -ETIME. The lock is held. */
static int wait_for_room(struct net *n, struct net_wait *wait, u32 pages, u32 slots, u64 *flags)
{
    int error = 0;

    while (!error) {
        if (!n->connected && !n->expected)
            return -ENXIO;
        if (n->connected && !n->held && n->nr_free_ids >= pages &&
            ring_room(&n->rings[NET_TX]) >= slots)
            return 0;
        error = net_wait(n, wait, flags);
    }
    return error;
}

static u32 part_len(const struct outgoing *o, u32 part)
{
    return MIN(o->frame->len - part * (u32)PAGE_SIZE, (u32)PAGE_SIZE);
}

static void copy_in(const struct net *n, const struct outgoing *o, const u8 *bytes)
{
    for (u32 i = 0; i < o->nr_pages; i++)
        memcpy(net_page(n, NET_TX_PAGES + o->ids[i]), bytes + i * PAGE_SIZE, part_len(o, i));
}

static u16 first_flags(const struct netif_frame *f)
{
    const u16 extra = f->segment ? NET_EXTRA_INFO : 0;

    switch (f->sum) {
    case NETIF_CHECKSUM_BLANK:
        return NET_TX_BLANK | NET_TX_VALID | extra;
    case NETIF_CHECKSUM_VALID:
        return NET_TX_VALID | extra;
    default:
        return extra;
    }
}

/* Add the slots of a frame; the first has the length of all. The lock is held. */
static void frame_add(struct net *n, const struct outgoing *o)
{
    const struct netif_frame *f = o->frame;
    const struct net_extra extra = {
        .type = NET_EXTRA_SEGMENTS, .size = f->segment, .protocol = NET_SEGMENTS_TCP4};

    for (u32 i = 0; i < o->nr_pages; i++) {
        const u16 id = o->ids[i];
        const struct net_tx_request r = {
            .ref = (u32)n->pages[NET_TX_PAGES + id].ref,
            .flags = (u16)((i ? 0 : first_flags(f)) | (i + 1 < o->nr_pages ? NET_MORE_DATA : 0)),
            .id = id,
            .size = (u16)(i ? part_len(o, i) : f->len)};

        ring_add(&n->rings[NET_TX], &r, sizeof(r));
        net_note_sent(&n->sent, id);
        if (i || !f->segment)
            continue;
        ring_add(&n->rings[NET_TX], &extra, sizeof(extra));
        net_note_extra(&n->sent);
    }
    net_publish(n, NET_TX);
}

static void pages_take(struct net *n, struct outgoing *o)
{
    for (u32 i = 0; i < o->nr_pages; i++)
        o->ids[i] = n->free_ids[--n->nr_free_ids];
}

static void pages_return(struct net *n, const struct outgoing *o)
{
    for (u32 i = 0; i < o->nr_pages; i++)
        n->free_ids[n->nr_free_ids++] = o->ids[i];
    wake_all_locked(&n->queue);
}

/* The connection may be lost, and made again, while the bytes are copied. */
int net_send(struct netif *netif, const void *bytes, const struct netif_frame *frame)
{
    struct net *n = container_of(netif, struct net, netif);
    const u32 nr_pages = (frame->len + (u32)PAGE_SIZE - 1) / (u32)PAGE_SIZE;
    struct outgoing o = {frame, nr_pages, nr_pages + !!frame->segment, {0}};
    struct net_wait wait = {.ns = NET_PATIENCE_NS};
    u64 flags = net_lock(n);
    int error = wait_for_room(n, &wait, o.nr_pages, o.nr_slots, &flags);

    if (!error) {
        pages_take(n, &o);
        net_unlock(n, flags);
        copy_in(n, &o, bytes);
        flags = net_lock(n);
        error = wait_for_room(n, &wait, 0, o.nr_slots, &flags);
        if (error)
            pages_return(n, &o);
        else
            frame_add(n, &o);
    }
    net_unlock(n, flags);
    net_wait_end(&wait);
    return error;
}
