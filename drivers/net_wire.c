/* SPDX-License-Identifier: MIT */
/* The network protocol as bytes (drivers/net_wire.h). */
#include "drivers/net_wire.h"
#include "lib/string.h"
#include "pv/errno.h"

_Static_assert(sizeof(struct net_tx_request) == 12 && sizeof(struct net_tx_response) == 4 &&
                   sizeof(struct net_rx_request) == 8 && sizeof(struct net_rx_response) == 8 &&
                   sizeof(struct net_extra) == 8,
               "as Xen has them");

static const char bad_index[] = "an index of the responses is impossible";
static const char bad_id[] = "a response is for no request";

/* ---- Transmit ------------------------------------------------------------------------------- */

/* Take an extra slot's response, whose id has no meaning. Return false if none is outstanding. */
static bool take_extra(struct net_sent *sent)
{
    if (!sent->nr_extras)
        return false;
    sent->nr_extras--;
    return true;
}

static bool take_id(struct net_sent *sent, u16 id)
{
    if (id >= NET_SLOTS || !sent->outstanding[id])
        return false;
    sent->outstanding[id] = false;
    sent->nr_outstanding--;
    return true;
}

int net_take_sent(struct ring *ring, struct net_sent *sent, u16 *id, int *status, const char **why)
{
    struct net_tx_response r;
    int taken;

    do {
        *why = bad_index;
        taken = ring_take(ring, &r, sizeof(r));
        if (taken <= 0)
            return taken;
        *why = bad_id;
    } while (r.status == NET_NULL && take_extra(sent));
    if (r.status == NET_NULL || !take_id(sent, r.id))
        return -EIO;
    *id = r.id;
    *status = r.status;
    return 1;
}

/* ---- Receive -------------------------------------------------------------------------------- */

void net_post(struct ring *ring, struct net_posted *posted, u16 id, u32 ref)
{
    const struct net_rx_request r = {.id = id, .ref = ref};

    posted->ids[ring->filled & (ring->size - 1)] = id;
    ring_add(ring, &r, sizeof(r));
}

static void part_add(struct net_frame *f, u16 id, u16 offset, u16 len)
{
    f->parts[f->nr_parts++] = (struct net_part){id, offset, len};
    f->len += len;
}

/* Add a response to the frame. Return NULL, or what is wrong with it. */
static const char *add_response(struct net_frame *f, u16 id, const struct net_rx_response *r)
{
    const u32 len = r->status > 0 ? (u32)r->status : 0;
    const u16 known = NET_RX_VALID | NET_RX_BLANK | NET_MORE_DATA | NET_EXTRA_INFO;

    if (r->id != id)
        return bad_id;
    if (len > PAGE_SIZE || r->offset > PAGE_SIZE - len)
        return "a part of a frame is beyond the end of its page";
    if (f->len + len > NET_FRAME_MAX)
        return "a frame is longer than 64 KiB";
    if (r->flags & ~known || (f->nr_parts && r->flags & NET_EXTRA_INFO))
        return "a response has flags without a meaning";
    if (!f->nr_parts)
        f->flags = r->flags;
    f->failed |= !len;
    f->more = r->flags & NET_MORE_DATA;
    f->extra = r->flags & NET_EXTRA_INFO;
    part_add(f, id, r->offset, (u16)len);
    return NULL;
}

static const char *add_extra(struct net_frame *f, u16 id, const struct net_extra *e)
{
    if (e->type != NET_EXTRA_SEGMENTS || e->flags & NET_EXTRA_MORE)
        return "an extra slot has what was not asked for";
    if (e->protocol != NET_SEGMENTS_TCP4 || !e->size)
        return "a frame has segments that were not asked for";
    f->segment = e->size;
    f->extra = false;
    part_add(f, id, 0, 0);
    return NULL;
}

/* Add the next slot to the frame. Return as net_take_received, with 1 for a slot. */
static int take_slot(struct ring *ring, const struct net_posted *posted, struct net_frame *f,
                     const char **why)
{
    const u16 id = posted->ids[ring->rsp_cons & (ring->size - 1)];
    union {
        struct net_rx_response response;
        struct net_extra extra;
    } slot;
    const int taken = ring_take(ring, &slot, sizeof(slot));

    *why = bad_index;
    if (taken <= 0)
        return taken;
    *why = "a frame has too many parts";
    if (f->nr_parts == NET_PARTS_MAX)
        return -EIO;
    *why = f->extra ? add_extra(f, id, &slot.extra) : add_response(f, id, &slot.response);
    return *why ? -EIO : 1;
}

int net_take_received(struct ring *ring, const struct net_posted *posted, struct net_frame *f,
                      const char **why)
{
    int taken;

    do
        taken = take_slot(ring, posted, f, why);
    while (taken > 0 && (f->more || f->extra));
    return taken;
}

/* ---- Addresses ------------------------------------------------------------------------------ */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool net_parse_mac(const char *text, u8 mac[6])
{
    u8 any = 0;

    if (strnlen(text, 18) != 17)
        return false;
    for (u32 i = 0; i < 6; i++) {
        const int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);

        if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
            return false;
        mac[i] = (u8)(high * 16 + low);
        any |= mac[i];
    }
    return any && !(mac[0] & 1);
}
