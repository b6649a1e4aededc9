/* SPDX-License-Identifier: MIT */
/*
 * Network interfaces with a backend that keeps to the protocol, and with one that another replaces.
 */
#include "kernel/irq.h"
#include "kernel/smp.h"
#include "lib/string.h"
#include "test/drivers/net_peer.h"

/* ---- A backend that keeps to the rules ------------------------------------------------------ */

TEST(net_backend, a_frame_that_is_sent_has_as_many_requests_as_pages, grant_access, evtchn_alloc)
{
    struct net_tx_request r[3];
    struct net_extra extra;

    IN_STORE;
    REQUIRE(peer_connect(true));
    for (u32 i = 0; i < 9000; i++)
        peer_frame[i] = (u8)(i / 7);
    EXPECT_EQ(peer_send(60, NETIF_CHECKSUM_WHOLE, 0), 0);
    REQUIRE(peer_next_sent(&r[0], sizeof(r[0])));
    EXPECT_EQ(r[0].size, 60);
    EXPECT_EQ(r[0].flags, 0);
    EXPECT(!memcmp(net_page(peer_net(), NET_TX_PAGES + r[0].id), peer_frame, 60));
    peer_respond_sent(r[0].id, NET_OKAY);
    EXPECT_EQ(peer_send(9000, NETIF_CHECKSUM_BLANK, 1448), 0);
    REQUIRE(peer_next_sent(&r[0], sizeof(r[0])) && peer_next_sent(&extra, sizeof(extra)) &&
            peer_next_sent(&r[1], sizeof(r[1])) && peer_next_sent(&r[2], sizeof(r[2])));
    EXPECT_EQ(r[0].flags, NET_TX_BLANK | NET_TX_VALID | NET_EXTRA_INFO | NET_MORE_DATA);
    EXPECT_EQ(r[0].size, 9000);
    EXPECT_EQ(extra.type, NET_EXTRA_SEGMENTS);
    EXPECT_EQ(extra.size, 1448);
    EXPECT_EQ(r[1].size, PAGE_SIZE);
    EXPECT_EQ(r[1].flags, NET_MORE_DATA);
    EXPECT_EQ(r[2].size, 9000 - 2 * PAGE_SIZE);
    EXPECT_EQ(r[2].flags, 0);
    for (u32 i = 0; i < 3; i++)
        EXPECT(!memcmp(net_page(peer_net(), NET_TX_PAGES + r[i].id), peer_frame + i * PAGE_SIZE,
                       MIN(9000 - i * PAGE_SIZE, PAGE_SIZE)));
    EXPECT_EQ(peer_net()->nr_free_ids, NET_SLOTS - 4); /* no answer was notified yet */
    peer_respond_sent(r[2].id, NET_DROPPED);
    peer_respond_sent(0xffff, NET_NULL);
    peer_respond_sent(r[1].id, NET_OKAY);
    peer_respond_sent(r[0].id, NET_OKAY);
    peer_notify(NET_TX);
    net_drain(peer_net(), PEER_PATIENCE_NS);
    EXPECT_EQ(peer_net()->nr_free_ids, NET_SLOTS);
    EXPECT_EQ(peer_net()->dropped, 1);
    EXPECT(!peer_device.broken);
    peer_part();
    EXPECT_EQ(peer_net()->dropped, 1);
    peer_net()->dropped = 0;
}

TEST(net_backend, a_frame_is_received_from_as_many_pages_as_it_has)
{
    const struct net_extra extra = {
        .type = NET_EXTRA_SEGMENTS, .size = 1448, .protocol = NET_SEGMENTS_TCP4};
    struct netif_frame info;

    IN_STORE;
    REQUIRE(peer_connect(true));
    peer_respond_data(1, 2, 60, NET_RX_VALID);
    peer_respond_data(2, 100, 3996, NET_RX_BLANK | NET_RX_VALID | NET_MORE_DATA | NET_EXTRA_INFO);
    peer_respond_extra(extra);
    peer_respond_data(3, 0, 4096, NET_MORE_DATA);
    peer_respond_data(4, 4095, 1, 0);
    peer_notify(NET_RX);
    EXPECT_EQ(peer_receive(&info, PEER_PATIENCE_NS), 0);
    EXPECT_EQ(info.len, 60);
    EXPECT_EQ(info.sum, NETIF_CHECKSUM_VALID);
    EXPECT_EQ(info.segment, 0);
    EXPECT_EQ(peer_frame[0] + peer_frame[59], 2);
    EXPECT_EQ(peer_receive(&info, 0), 0);
    EXPECT_EQ(info.len, 3996 + 4096 + 1);
    EXPECT_EQ(info.sum, NETIF_CHECKSUM_BLANK);
    EXPECT_EQ(info.segment, 1448);
    EXPECT_EQ(peer_frame[0], 2);
    EXPECT_EQ(peer_frame[3995], 2);
    EXPECT_EQ(peer_frame[3996], 3);
    EXPECT_EQ(peer_frame[3996 + 4096], 4);
    EXPECT_EQ(peer_receive(&info, 0), -ETIME);
    /* All pages have been posted again. */
    EXPECT_EQ(peer.rings[NET_RX]->req_prod, NET_SLOTS + 5);
    peer_part();
}

/* A frame of which a part has failed is not delivered, and one that does not fit is lost. */
TEST(net_backend, a_frame_that_is_not_whole_is_dropped)
{
    struct netif_frame info = {.len = 50};

    IN_STORE;
    REQUIRE(peer_connect(true));
    peer_respond_data(1, 0, 100, NET_MORE_DATA);
    peer_respond_data(1, 0, NET_ERROR, NET_MORE_DATA);
    peer_respond_data(1, 0, 100, 0);
    peer_respond_data(2, 0, NETIF_HEADER - 1, 0);
    peer_respond_data(3, 0, 51, 0);
    peer_respond_data(4, 0, 50, 0);
    peer_notify(NET_RX);
    EXPECT_EQ(netif_receive(peer_netif(), peer_frame, &info, PEER_PATIENCE_NS), -E2BIG);
    EXPECT_EQ(netif_receive(peer_netif(), peer_frame, &info, 0), 0);
    EXPECT_EQ(peer_frame[0], 4);
    peer_part();
}

/* Four times the ring; in the second half the interface is closed, and frames are dropped. */
TEST(net_backend, pages_are_posted_again_and_again)
{
    struct netif_frame info;
    u32 received = 0;

    IN_STORE;
    REQUIRE(peer_connect(false));
    for (u32 i = 0; i < 2 * NET_SLOTS; i++) {
        peer_respond_data((u8)i, 0, 64, 0);
        peer_notify(NET_RX);
        received += !peer_receive(&info, PEER_PATIENCE_NS) && peer_frame[63] == (u8)i;
    }
    EXPECT_EQ(received, 2 * NET_SLOTS);
    netif_close(peer_netif());
    for (u32 i = 0; i < 2 * NET_SLOTS; i++) {
        struct time_limit limit = time_limit(PEER_PATIENCE_NS);

        peer_respond_data((u8)i, 0, 64, 0);
        peer_notify(NET_RX);
        while (READ_ONCE(peer.rings[NET_RX]->req_prod) - peer.req_cons[NET_RX] < NET_SLOTS &&
               !time_limit_reached(&limit))
            sleep_until(pv_clock_ns() + NS_PER_MS / 10);
    }
    EXPECT_EQ(peer.rings[NET_RX]->req_prod, 5 * NET_SLOTS);
    EXPECT_EQ(netif_open(peer_netif()), 0);
    EXPECT_EQ(peer_receive(&info, 0), -ETIME);
    peer_part();
}

TEST(net_backend, frames_that_cannot_be_sent_are_refused)
{
    static const struct netif_frame never[] = {
        {.len = 0},
        {.len = NETIF_HEADER - 1},
        {.len = NETIF_HEADER + 1500 + 1},
        {.len = 3000, .segment = 1460}, /* with a whole checksum */
        {.len = 0x10000, .sum = NETIF_CHECKSUM_BLANK, .segment = 1460},
        {.len = 3000, .sum = NETIF_CHECKSUM_BLANK, .segment = 1501},
    };
    static const struct netif_frame if_offered = {3000, NETIF_CHECKSUM_BLANK, 1460};

    IN_STORE;
    for (u32 features = 0; features < 2; features++) {
        REQUIRE(peer_connect(features));
        for (u32 i = 0; i < ARRAY_SIZE(never); i++)
            EXPECT_EQ(netif_send(peer_netif(), peer_frame, &never[i]), -EINVAL);
        EXPECT_EQ(netif_send(peer_netif(), peer_frame, &if_offered), features ? 0 : -EINVAL);
        EXPECT_EQ(peer_send(NETIF_HEADER + 1500, NETIF_CHECKSUM_WHOLE, 0), 0);
        EXPECT_EQ(netif_open(peer_netif()), -EBUSY);
        peer_part();
    }
}

/* ---- A backend that another replaces -------------------------------------------------------- */

struct sender {
    u32 count;
    int error;
    struct thread *thread;
};

static void sender_run(void *arg)
{
    struct sender *s = arg;

    for (u32 i = 0; i < s->count && !s->error; i++)
        s->error = peer_send(60, NETIF_CHECKSUM_WHOLE, 0);
}

static bool sender_start(struct sender *s, u32 count)
{
    *s = (struct sender){.count = count};
    s->thread = thread_start("sender", THREAD_ANY_CPU, sender_run, s);
    return EXPECT(s->thread);
}

/* As after a restore: lines and grants are gone, and another backend begins with empty rings. */
TEST(net_backend, a_sender_waits_for_the_new_backend)
{
    struct net_tx_request r;
    struct netif_frame info;
    struct sender sender;
    struct net *n;

    IN_STORE;
    REQUIRE(peer_connect(true));
    n = peer_net();
    REQUIRE(sender_start(&sender, NET_SLOTS + 1)); /* one more than the ring holds */
    for (u32 i = 0; i < NET_SLOTS; i++)
        REQUIRE(peer_next_sent(&r, sizeof(r)));
    peer_respond_data(1, 0, 60, NET_MORE_DATA); /* a part of a frame that never ends */
    EXPECT_EQ(peer_receive(&info, 0), -ETIME);
    net_driver.hold(&peer_device);
    for (u32 ring = 0; ring < NET_RINGS; ring++) {
        irq_release(n->lines[ring]);
        pv_irq_unbind(n->lines[ring]);
    }
    peer_lines_unbind();
    EXPECT(net_driver.release(&peer_device));
    net_driver.restored(&peer_device);
    netif_close(peer_netif());
    REQUIRE(peer_connect(true));
    REQUIRE(peer_next_sent(&r, sizeof(r)));
    thread_join(sender.thread);
    EXPECT_EQ(sender.error, 0);
    EXPECT_EQ(peer.rings[NET_TX]->req_prod, 1);
    EXPECT_EQ(peer.rings[NET_RX]->req_prod, NET_SLOTS);
    peer_respond_data(2, 0, 60, 0);
    EXPECT_EQ(peer_receive(&info, PEER_PATIENCE_NS), 0);
    EXPECT_EQ(info.len, 60);
    EXPECT_EQ(peer_frame[0], 2);
    peer_part();
}

TEST(net_backend, a_detach_ends_what_waits)
{
    struct net_tx_request r;
    struct sender sender;

    IN_STORE;
    REQUIRE(peer_connect(true));
    REQUIRE(sender_start(&sender, NET_SLOTS + 1));
    for (u32 i = 0; i < NET_SLOTS; i++)
        REQUIRE(peer_next_sent(&r, sizeof(r)));
    peer_part();
    thread_join(sender.thread);
    EXPECT_EQ(sender.error, -ENXIO);
}

/* A suspend that is cancelled holds what is sent, and loses nothing. */
TEST(net_backend, a_held_interface_sends_after_the_resume)
{
    struct net_tx_request r;
    struct sender sender;

    IN_STORE;
    REQUIRE(peer_connect(true));
    net_driver.hold(&peer_device);
    REQUIRE(sender_start(&sender, 1));
    sleep_until(pv_clock_ns() + 20 * NS_PER_MS);
    EXPECT_EQ(peer.rings[NET_TX]->req_prod, 0);
    net_driver.resume(&peer_device);
    REQUIRE(peer_next_sent(&r, sizeof(r)));
    thread_join(sender.thread);
    EXPECT_EQ(sender.error, 0);
    peer_part();
}
