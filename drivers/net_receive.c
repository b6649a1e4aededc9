/* SPDX-License-Identifier: MIT */
/* Frames that a network interface receives (drivers/net.h). */
#include "drivers/net.h"
#include "lib/string.h"
#include "pv/pv.h"

static void post_page(struct net *n, u16 id)
{
    net_post(&n->rings[NET_RX], &n->posted, id, (u32)n->pages[NET_RX_PAGES + id].ref);
}

void net_post_all(struct net *n)
{
    for (u16 id = 0; id < NET_SLOTS; id++)
        if (!n->emptied[id])
            post_page(n, id);
    net_publish(n, NET_RX);
}

/*
 * Take the next frame that is complete. Return 1; 0 without a frame; -EIO, with *why in words, if
 * the backend breaks the protocol. The lock is held.
 */
static int take_frame(struct net *n, struct net_frame *f, const char **why)
{
    struct ring *const ring = &n->rings[NET_RX];
    int taken;

    if (!n->connected)
        return 0;
    do
        taken = net_take_received(ring, &n->posted, &n->incoming, why);
    while (!taken && ring_rearm(ring));
    if (taken < 0)
        net_break(n);
    if (taken <= 0)
        return taken;
    *f = n->incoming;
    n->incoming = (struct net_frame){.nr_parts = 0};
    for (u32 i = 0; i < f->nr_parts; i++)
        n->emptied[f->parts[i].id] = true;
    return 1;
}

/* Give the pages of a frame back to the backend, which may be another one now. The lock is held. */
static void return_frame(struct net *n, const struct net_frame *f)
{
    for (u32 i = 0; i < f->nr_parts; i++) {
        n->emptied[f->parts[i].id] = false;
        if (n->connected)
            post_page(n, f->parts[i].id);
    }
    if (n->connected)
        net_publish(n, NET_RX);
}

const char *net_drop_received(struct net *n)
{
    const char *why = NULL;
    struct net_frame f;
    int taken;

    while ((taken = take_frame(n, &f, &why)) > 0)
        return_frame(n, &f);
    return taken ? why : NULL;
}

void net_closed(struct netif *netif)
{
    struct net *n = container_of(netif, struct net, netif);
    const u64 flags = net_lock(n);
    const char *const why = net_drop_received(n);

    net_unlock(n, flags);
    net_report_broken(n, why);
}

/* ---- One frame ------------------------------------------------------------------------------ */

/* Wait for a frame. Return 1, -ETIME, or -EIO with *why in words. */
static int wait_for_frame(struct net *n, struct net_wait *wait, struct net_frame *f,
                          const char **why)
{
    u64 flags = net_lock(n);
    int error = 0, taken;

    while (!(taken = take_frame(n, f, why)) && !error)
        error = net_wait(n, wait, &flags);
    net_unlock(n, flags);
    return taken ? taken : error;
}

static enum netif_checksum checksum_of(u16 flags)
{
    if (flags & NET_RX_BLANK)
        return NETIF_CHECKSUM_BLANK;
    return flags & NET_RX_VALID ? NETIF_CHECKSUM_VALID : NETIF_CHECKSUM_WHOLE;
}

static void copy_out(const struct net *n, const struct net_frame *f, u8 *to)
{
    for (u32 i = 0; i < f->nr_parts; to += f->parts[i++].len)
        memcpy(to, net_page(n, NET_RX_PAGES + f->parts[i].id) + f->parts[i].offset,
               f->parts[i].len);
}

/* Copy a frame out and return its pages. Return 0, -E2BIG, or -EAGAIN if it is not a frame. */
static int consume_frame(struct net *n, const struct net_frame *f, u8 *bytes,
                         struct netif_frame *frame)
{
    const bool usable = !f->failed && f->len >= NETIF_HEADER;
    const bool fits = f->len <= frame->len;
    u64 flags;

    if (usable && fits) {
        copy_out(n, f, bytes);
        *frame = (struct netif_frame){f->len, checksum_of(f->flags), f->segment};
    }
    flags = net_lock(n);
    return_frame(n, f);
    net_unlock(n, flags);
    if (!usable)
        return -EAGAIN;
    return fits ? 0 : -E2BIG;
}

/* After a backend that breaks the protocol, wait for the next one. */
int net_receive(struct netif *netif, void *bytes, struct netif_frame *frame, u64 ns)
{
    struct net *n = container_of(netif, struct net, netif);
    struct net_wait wait = {.ns = ns, .plain = true};
    const char *why = NULL;
    struct net_frame f;
    int result;

    do {
        result = wait_for_frame(n, &wait, &f, &why);
        if (result == -EIO) {
            net_report_broken(n, why);
            result = -EAGAIN;
        } else if (result > 0) {
            result = consume_frame(n, &f, bytes, frame);
        }
    } while (result == -EAGAIN);
    net_wait_end(&wait);
    return result;
}
