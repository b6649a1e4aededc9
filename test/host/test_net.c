/* SPDX-License-Identifier: MIT */
/* drivers/net_wire.c: both rings, with a backend that breaks each rule, and addresses. */
#include "harness.h"
#include "same_abi.h"

#include <xen/xen.h>

#include <xen/grant_table.h>
#include <xen/io/netif.h>

#include "drivers/net_wire.h"
#include "pv/errno.h"

/* ---- Layout --------------------------------------------------------------------------------- */

#define SAME_SIZE(ours, theirs) _Static_assert(sizeof(struct ours) == sizeof(struct theirs), #ours)
SAME_SIZE(net_tx_request, netif_tx_request);
SAME_FIELD(net_tx_request, netif_tx_request, ref, gref);
SAME_FIELD(net_tx_request, netif_tx_request, offset, offset);
SAME_FIELD(net_tx_request, netif_tx_request, flags, flags);
SAME_FIELD(net_tx_request, netif_tx_request, id, id);
SAME_FIELD(net_tx_request, netif_tx_request, size, size);
SAME_SIZE(net_tx_response, netif_tx_response);
SAME_FIELD(net_tx_response, netif_tx_response, id, id);
SAME_FIELD(net_tx_response, netif_tx_response, status, status);
SAME_SIZE(net_rx_request, netif_rx_request);
SAME_FIELD(net_rx_request, netif_rx_request, id, id);
SAME_FIELD(net_rx_request, netif_rx_request, ref, gref);
SAME_SIZE(net_rx_response, netif_rx_response);
SAME_FIELD(net_rx_response, netif_rx_response, id, id);
SAME_FIELD(net_rx_response, netif_rx_response, offset, offset);
SAME_FIELD(net_rx_response, netif_rx_response, flags, flags);
SAME_FIELD(net_rx_response, netif_rx_response, status, status);
SAME_SIZE(net_extra, netif_extra_info);
SAME_FIELD(net_extra, netif_extra_info, type, type);
SAME_FIELD(net_extra, netif_extra_info, flags, flags);
SAME_FIELD(net_extra, netif_extra_info, size, u.gso.size);
SAME_FIELD(net_extra, netif_extra_info, protocol, u.gso.type);
SAME_FIELD(net_extra, netif_extra_info, features, u.gso.features);

SAME_VALUE(NET_TX_BLANK, NETTXF_csum_blank);
SAME_VALUE(NET_TX_VALID, NETTXF_data_validated);
SAME_VALUE(NET_MORE_DATA, NETTXF_more_data);
SAME_VALUE(NET_EXTRA_INFO, NETTXF_extra_info);
SAME_VALUE(NET_RX_BLANK, NETRXF_csum_blank);
SAME_VALUE(NET_RX_VALID, NETRXF_data_validated);
SAME_VALUE(NET_MORE_DATA, NETRXF_more_data);
SAME_VALUE(NET_EXTRA_INFO, NETRXF_extra_info);
SAME_VALUE(NET_OKAY, NETIF_RSP_OKAY);
SAME_VALUE(NET_ERROR, NETIF_RSP_ERROR);
SAME_VALUE(NET_DROPPED, NETIF_RSP_DROPPED);
SAME_VALUE(NET_NULL, NETIF_RSP_NULL);
SAME_VALUE(NET_EXTRA_SEGMENTS, XEN_NETIF_EXTRA_TYPE_GSO);
SAME_VALUE(NET_EXTRA_MORE, XEN_NETIF_EXTRA_FLAG_MORE);
SAME_VALUE(NET_SEGMENTS_TCP4, XEN_NETIF_GSO_TYPE_TCPV4);
SAME_VALUE(NET_PARTS_MAX - 1, XEN_NETIF_NR_SLOTS_MIN);

/* ---- Rings ---------------------------------------------------------------------------------- */

static u8 page[PAGE_SIZE] __attribute__((aligned(4096)));
static struct ring ring;
static struct net_sent sent;
static struct net_posted posted;
static struct net_frame frame;
static const char *why;

/* Begin with indices that are about to wrap. */
static struct ring_shared *reset(u32 entry_size)
{
    const u32 start = (u32)-100;
    struct ring_shared *shared = (struct ring_shared *)page;

    memset(&sent, 0, sizeof(sent));
    memset(&frame, 0, sizeof(frame));
    ring_init(&ring, page, sizeof(page), entry_size);
    CHECK_EQ(ring.size, NET_SLOTS);
    shared->req_prod = shared->rsp_prod = start;
    ring.filled = ring.published = ring.rsp_cons = start;
    return shared;
}

static void respond(const void *response, u32 len)
{
    struct ring_shared *shared = ring.shared;

    memcpy(shared->entries + (shared->rsp_prod++ % ring.size) * ring.entry_size, response, len);
}

/* ---- Transmit ------------------------------------------------------------------------------- */

static void send_one(u16 id, bool extra)
{
    const struct net_tx_request r = {.id = id, .size = 60};

    ring_add(&ring, &r, sizeof(r));
    net_note_sent(&sent, id);
    if (!extra)
        return;
    ring_add(&ring, &r, sizeof(r));
    net_note_extra(&sent);
}

static void respond_sent(u16 id, int16_t status)
{
    const struct net_tx_response r = {.id = id, .status = status};

    respond(&r, sizeof(r));
}

static int take_sent(u16 *id)
{
    int status;

    return net_take_sent(&ring, &sent, id, &status, &why);
}

static void frames_are_answered_in_any_order(void)
{
    u16 id;

    reset(sizeof(struct net_tx_request));
    for (u32 round = 0; round < 4; round++) {
        for (u16 i = 0; i < 100; i++)
            send_one(i, i % 2);
        CHECK_EQ(ring_room(&ring), NET_SLOTS - 150);
        ring_publish(&ring);
        for (u16 i = 100; i--;) {
            if (i % 2)
                respond_sent(i, NET_NULL);
            respond_sent(i, i % 3 ? NET_OKAY : NET_DROPPED);
        }
        for (u16 i = 100; i--;) {
            CHECK_EQ(take_sent(&id), 1);
            CHECK_EQ(id, i);
        }
        CHECK_EQ(take_sent(&id), 0);
        CHECK_EQ(sent.nr_outstanding, 0);
        CHECK_EQ(sent.nr_extras, 0);
        CHECK_EQ(ring_room(&ring), NET_SLOTS);
    }
}

static void an_answer_without_its_frame_is_refused(void)
{
    static const struct {
        u16 id;
        int16_t status;
    } wrong[] = {
        {1, NET_OKAY}, {255, NET_OKAY}, {256, NET_OKAY}, {0xffff, NET_ERROR}, {0, NET_NULL}};
    u16 id;

    for (u32 i = 0; i < ARRAY_SIZE(wrong); i++) {
        reset(sizeof(struct net_tx_request));
        send_one(0, false);
        ring_publish(&ring);
        respond_sent(wrong[i].id, wrong[i].status);
        CHECK_EQ(take_sent(&id), -EIO);
        CHECK_STR(why, "a response is for no request");
        CHECK_EQ(sent.nr_outstanding, 1);
    }
    reset(sizeof(struct net_tx_request));
    send_one(7, false);
    send_one(8, false);
    ring_publish(&ring);
    respond_sent(7, NET_OKAY);
    respond_sent(7, NET_OKAY);
    CHECK_EQ(take_sent(&id), 1);
    CHECK_EQ(take_sent(&id), -EIO);
}

static void an_index_that_jumps_is_refused(void)
{
    static const u32 jumps[] = {2, 256, 257, 1u << 31, (u32)-1};
    u16 id;

    for (u32 i = 0; i < ARRAY_SIZE(jumps); i++) {
        struct ring_shared *shared = reset(sizeof(struct net_tx_request));

        send_one(0, false);
        ring_publish(&ring);
        shared->rsp_prod += jumps[i];
        CHECK_EQ(take_sent(&id), -EIO);
        CHECK_STR(why, "an index of the responses is impossible");
    }
}

/* ---- Receive -------------------------------------------------------------------------------- */

/* Post so many pages, with ids that are not the places in the ring. */
static void post_some(u16 count)
{
    reset(sizeof(struct net_rx_request));
    for (u16 i = 0; i < count; i++)
        net_post(&ring, &posted, (u16)((i * 3 + 5) % NET_SLOTS), i);
    ring_publish(&ring);
}

/* Respond to the next page, whose id is that of its request. */
static void respond_data(u16 offset, int status, u16 flags)
{
    struct net_rx_response r = {.offset = offset, .flags = flags, .status = (int16_t)status};

    r.id = posted.ids[ring.shared->rsp_prod % ring.size];
    respond(&r, sizeof(r));
}

static void respond_extra(u8 type, u8 flags, u8 protocol, u16 size)
{
    const struct net_extra e = {.type = type, .flags = flags, .size = size, .protocol = protocol};

    respond(&e, sizeof(e));
}

static int take_received(void)
{
    return net_take_received(&ring, &posted, &frame, &why);
}

static void expect_refused(const char *reason)
{
    CHECK_EQ(take_received(), -EIO);
    CHECK_STR(why, reason);
}

static void a_frame_has_the_parts_that_were_sent(void)
{
    post_some(200);
    respond_data(2, 60, NET_RX_VALID);
    respond_data(0, 4096, NET_RX_BLANK | NET_MORE_DATA | NET_EXTRA_INFO);
    respond_extra(NET_EXTRA_SEGMENTS, 0, NET_SEGMENTS_TCP4, 1448);
    respond_data(1, 4095, NET_MORE_DATA);
    CHECK_EQ(take_received(), 1);
    CHECK_EQ(frame.nr_parts, 1);
    CHECK_EQ(frame.len, 60);
    CHECK_EQ(frame.parts[0].id, 5);
    CHECK_EQ(frame.parts[0].offset, 2);
    CHECK_EQ(frame.flags, NET_RX_VALID);
    CHECK_EQ(frame.segment, 0);
    memset(&frame, 0, sizeof(frame));
    CHECK_EQ(take_received(), 0); /* its last part is missing */
    respond_data(4095, 1, 0);
    CHECK_EQ(take_received(), 1);
    CHECK_EQ(frame.nr_parts, 4);
    CHECK_EQ(frame.len, 4096 + 4095 + 1);
    CHECK_EQ(frame.segment, 1448);
    CHECK(!frame.failed);
    for (u16 i = 0; i < 4; i++)
        CHECK_EQ(frame.parts[i].id, 8 + 3 * i);
    CHECK_EQ(frame.parts[1].len, 0); /* the extra slot's page */
}

static void a_part_that_failed_fails_its_frame(void)
{
    static const int statuses[] = {NET_ERROR, NET_DROPPED, -32768, 0};

    for (u32 i = 0; i < ARRAY_SIZE(statuses); i++) {
        post_some(10);
        respond_data(0, 60, NET_MORE_DATA);
        respond_data(4096, statuses[i], NET_MORE_DATA);
        respond_data(0, 60, 0);
        CHECK_EQ(take_received(), 1);
        CHECK(frame.failed);
        CHECK_EQ(frame.nr_parts, 3);
        CHECK_EQ(frame.len, 120);
    }
}

static void a_response_that_is_not_the_next_is_refused(void)
{
    const struct net_rx_response r = {.id = 8, .status = 60};

    post_some(10);
    respond(&r, sizeof(r));
    expect_refused("a response is for no request");
}

static void a_part_beyond_its_page_is_refused(void)
{
    static const struct {
        u16 offset;
        int len;
    } wrong[] = {{1, 4096}, {0, 4097}, {4096, 1}, {0xffff, 1}, {0, 32767}, {4097, NET_ERROR}};

    for (u32 i = 0; i < ARRAY_SIZE(wrong); i++) {
        post_some(10);
        respond_data(wrong[i].offset, wrong[i].len, 0);
        expect_refused("a part of a frame is beyond the end of its page");
    }
}

static void a_frame_without_an_end_is_refused(void)
{
    post_some(200);
    for (u32 i = 0; i < 200; i++)
        respond_data(0, 1, NET_MORE_DATA);
    expect_refused("a frame has too many parts");
    CHECK_EQ(frame.nr_parts, NET_PARTS_MAX);
    post_some(200);
    for (u32 i = 0; i < 200; i++)
        respond_data(0, 4096, NET_MORE_DATA);
    expect_refused("a frame is longer than 64 KiB");
    CHECK(frame.len <= NET_FRAME_MAX);
}

static void flags_without_a_meaning_are_refused(void)
{
    for (u32 flag = 16; flag < 0x10000; flag *= 2) {
        post_some(10);
        respond_data(0, 60, (u16)flag);
        expect_refused("a response has flags without a meaning");
    }
    post_some(10);
    respond_data(0, 60, NET_MORE_DATA);
    respond_data(0, 60, NET_EXTRA_INFO);
    expect_refused("a response has flags without a meaning");
}

static void extra_slots_that_were_not_asked_for_are_refused(void)
{
    static const struct {
        u8 type, flags, protocol;
        u16 size;
        const char *why;
    } wrong[] = {
        {0, 0, 1, 1448, "an extra slot has what was not asked for"},
        {2, 0, 1, 1448, "an extra slot has what was not asked for"},
        {1, 1, 1, 1448, "an extra slot has what was not asked for"},
        {1, 0, 0, 1448, "a frame has segments that were not asked for"},
        {1, 0, 2, 1448, "a frame has segments that were not asked for"},
        {1, 0, 1, 0, "a frame has segments that were not asked for"},
    };

    for (u32 i = 0; i < ARRAY_SIZE(wrong); i++) {
        post_some(10);
        respond_data(0, 60, NET_EXTRA_INFO);
        respond_extra(wrong[i].type, wrong[i].flags, wrong[i].protocol, wrong[i].size);
        expect_refused(wrong[i].why);
    }
}

/* ---- Addresses ------------------------------------------------------------------------------ */

static void addresses_are_those_of_stations(void)
{
    static const char *const wrong[] = {
        "",
        "00:16:3e:00:00",
        "00:16:3e:00:00:0",
        "00:16:3e:00:00:01:",
        "00:16:3e:00:00:01 ",
        "00-16-3e-00-00-01",
        "00:16:3e:00:00:g1",
        "0016:3e:00:00:001",
        "01:16:3e:00:00:01",
        "ff:ff:ff:ff:ff:ff",
        "00:00:00:00:00:00",
    };
    u8 mac[6];

    CHECK(net_parse_mac("00:16:3E:aB:Cd:0f", mac));
    CHECK(!memcmp(mac, "\x00\x16\x3e\xab\xcd\x0f", 6));
    for (u32 i = 0; i < ARRAY_SIZE(wrong); i++)
        CHECK(!net_parse_mac(wrong[i], mac));
}

int main(void)
{
    RUN(frames_are_answered_in_any_order);
    RUN(an_answer_without_its_frame_is_refused);
    RUN(an_index_that_jumps_is_refused);
    RUN(a_frame_has_the_parts_that_were_sent);
    RUN(a_part_that_failed_fails_its_frame);
    RUN(a_response_that_is_not_the_next_is_refused);
    RUN(a_part_beyond_its_page_is_refused);
    RUN(a_frame_without_an_end_is_refused);
    RUN(flags_without_a_meaning_are_refused);
    RUN(extra_slots_that_were_not_asked_for_are_refused);
    RUN(addresses_are_those_of_stations);
    return finish("net");
}
