/* SPDX-License-Identifier: MIT */
/*
 * Fuzzer: any bytes as what a network interface's backend writes into both rings, and as an
 * address. Each round sends and posts some, and takes an index and an entry from the input.
 */
#include "fuzz.h"

#include "drivers/net_wire.h"
#include "lib/string.h"
#include "pv/errno.h"

enum { ROUND = 10 }; /* bytes of input for one round */

static u8 pages[2][PAGE_SIZE] __attribute__((aligned(4096)));
static struct ring tx, rx;
static struct net_sent sent;
static struct net_posted posted;
static struct net_frame frame;
static bool is_posted[NET_SLOTS];

static void send_some(u32 count)
{
    for (u16 id = 0; id < NET_SLOTS && count && ring_room(&tx) > 1; id++) {
        const struct net_tx_request r = {.id = id};

        if (sent.outstanding[id])
            continue;
        ring_add(&tx, &r, sizeof(r));
        net_note_sent(&sent, id);
        if (count-- % 2)
            continue;
        ring_add(&tx, &r, sizeof(r));
        net_note_extra(&sent);
    }
    ring_publish(&tx);
}

static void post_some(u32 count)
{
    for (u16 id = 0; id < NET_SLOTS && count; id++) {
        if (is_posted[id])
            continue;
        REQUIRE(ring_room(&rx));
        net_post(&rx, &posted, id, id);
        is_posted[id] = true;
        count--;
    }
    ring_publish(&rx);
}

/* Each answer is one of a request that was outstanding. */
static bool take_sent(void)
{
    const char *why = NULL;
    int status, taken;
    u16 id;

    for (;;) {
        const struct net_sent before = sent;

        taken = net_take_sent(&tx, &sent, &id, &status, &why);
        if (taken <= 0)
            break;
        REQUIRE(id < NET_SLOTS && before.outstanding[id] && !sent.outstanding[id]);
        REQUIRE(sent.nr_outstanding == before.nr_outstanding - 1);
    }
    REQUIRE(taken == 0 || (taken == -EIO && why && *why));
    REQUIRE(sent.nr_outstanding + sent.nr_extras <= 2 * NET_SLOTS);
    return taken == 0;
}

static void check_frame(void)
{
    u32 len = 0;

    REQUIRE(frame.nr_parts && frame.nr_parts <= NET_PARTS_MAX && frame.len <= NET_FRAME_MAX);
    for (u32 i = 0; i < frame.nr_parts; i++) {
        const struct net_part *p = &frame.parts[i];

        REQUIRE(p->id < NET_SLOTS && is_posted[p->id]);
        REQUIRE(p->offset + p->len <= PAGE_SIZE);
        is_posted[p->id] = false;
        len += p->len;
    }
    REQUIRE(len == frame.len);
}

static bool take_received(void)
{
    const char *why = NULL;
    int taken;

    while ((taken = net_take_received(&rx, &posted, &frame, &why)) > 0) {
        check_frame();
        memset(&frame, 0, sizeof(frame));
    }
    REQUIRE(taken == 0 || (taken == -EIO && why && *why));
    return taken == 0;
}

/* One round: which ring, how far its index jumps, and 8 bytes of an entry. */
static bool respond(const u8 *data)
{
    struct ring *r = data[0] & 1 ? &tx : &rx;
    u8 *entry = r->shared->entries + (r->shared->rsp_prod % r->size) * r->entry_size;
    u16 id = posted.ids[r->shared->rsp_prod % r->size];

    memcpy(entry, data + 2, 8);
    if (r == &rx && data[0] & 2) /* mostly the id that is expected */
        memcpy(entry, &id, sizeof(id));
    if (r == &tx && data[0] & 2)
        entry[1] = 0;
    r->shared->rsp_prod += data[0] & 32 ? data[1] : 1;
    return take_sent() && take_received();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    char text[24] = "";
    u8 mac[6];

    memcpy(text, data, MIN(size, sizeof(text) - 1));
    net_parse_mac(text, mac);
    memset(&sent, 0, sizeof(sent));
    memset(&frame, 0, sizeof(frame));
    memset(is_posted, 0, sizeof(is_posted));
    ring_init(&tx, pages[0], PAGE_SIZE, sizeof(struct net_tx_request));
    ring_init(&rx, pages[1], PAGE_SIZE, sizeof(struct net_rx_request));
    for (; size >= ROUND; data += ROUND, size -= ROUND) {
        send_some(data[0] >> 6);
        post_some(data[0] >> 2 & 7);
        if (!respond(data))
            return 0;
        ring_rearm(&tx);
        ring_rearm(&rx);
    }
    return 0;
}
