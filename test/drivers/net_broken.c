/* SPDX-License-Identifier: MIT */
/* Network interfaces whose backend breaks each rule of the protocol, or offers what is impossible.
 */
#include "kernel/smp.h"
#include "lib/string.h"
#include "test/drivers/net_peer.h"

#define TX XENSTORE_NO_TRANSACTION

static void break_rx_index(void)
{
    peer.rings[NET_RX]->rsp_prod += NET_SLOTS + 1;
}

static void break_rx_order(void)
{
    peer_next_posted();
    peer_respond_data(1, 0, 60, 0);
}

static void break_rx_offset(void)
{
    peer_respond_data(1, 4090, 60, 0);
}

static void break_rx_length(void)
{
    peer_respond_data(1, 0, 4097, 0);
}

static void break_rx_flags(void)
{
    peer_respond_data(1, 0, 60, 16);
}

static void break_rx_parts(void)
{
    for (u32 i = 0; i < NET_PARTS_MAX + 1; i++)
        peer_respond_data(1, 0, 60, NET_MORE_DATA);
}

static void break_rx_size(void)
{
    for (u32 i = 0; i < NET_PARTS_MAX - 1; i++)
        peer_respond_data(1, 0, 4096, NET_MORE_DATA);
}

static void break_rx_extra(void)
{
    peer_respond_data(1, 0, 60, NET_EXTRA_INFO);
    peer_respond_extra((struct net_extra){.type = 77, .size = 1448, .protocol = NET_SEGMENTS_TCP4});
}

static void break_rx_segment(void)
{
    peer_respond_data(1, 0, 60, NET_EXTRA_INFO);
    peer_respond_extra(
        (struct net_extra){.type = NET_EXTRA_SEGMENTS, .protocol = NET_SEGMENTS_TCP4});
}

static void break_tx_index(void)
{
    peer.rings[NET_TX]->rsp_prod += 2;
}

static void break_tx_id(void)
{
    peer_respond_sent(NET_SLOTS, NET_OKAY);
}

static void break_tx_null(void)
{
    peer_respond_sent(0, NET_NULL);
}

static void break_tx_twice(void)
{
    struct net_tx_request r;

    /* A second frame, so that the index is possible. */
    EXPECT_EQ(peer_send(60, NETIF_CHECKSUM_WHOLE, 0), 0);
    if (!peer_next_sent(&r, sizeof(r)))
        return;
    peer_respond_sent(r.id, NET_OKAY);
    peer_respond_sent(r.id, NET_OKAY);
}

static bool wait_for_break(void)
{
    struct time_limit limit = time_limit(PEER_PATIENCE_NS);

    while (!READ_ONCE(peer_device.broken) && !time_limit_reached(&limit))
        sleep_until(pv_clock_ns() + NS_PER_MS);
    return EXPECT(READ_ONCE(peer_device.broken));
}

/* The thread that receives notices it, or, in every other round, the interrupt, because the
 * interface is closed.
 */
TEST(net_backend, a_backend_that_breaks_a_rule_is_closed)
{
    static const struct {
        void (*act)(void);
        u32 ring;
    } breaks[] = {{break_rx_index, NET_RX},  {break_rx_order, NET_RX}, {break_rx_offset, NET_RX},
                  {break_rx_length, NET_RX}, {break_rx_flags, NET_RX}, {break_rx_parts, NET_RX},
                  {break_rx_size, NET_RX},   {break_rx_extra, NET_RX}, {break_rx_segment, NET_RX},
                  {break_tx_index, NET_TX},  {break_tx_id, NET_TX},    {break_tx_null, NET_TX},
                  {break_tx_twice, NET_TX}};

    IN_STORE;
    for (u32 i = 0; i < ARRAY_SIZE(breaks); i++) {
        const bool open = i % 2;
        struct netif_frame info;

        REQUIRE(peer_connect(true));
        EXPECT_EQ(peer_send(60, NETIF_CHECKSUM_WHOLE, 0), 0);
        if (!open)
            netif_close(peer_netif());
        breaks[i].act();
        peer_notify(breaks[i].ring);
        if (open)
            EXPECT_EQ(peer_receive(&info, 50 * NS_PER_MS), -ETIME);
        if (!wait_for_break())
            print("# net_backend: break %u\n", i);
        EXPECT(!peer_netif()->up);
        EXPECT_EQ(peer_send(60, NETIF_CHECKSUM_WHOLE, 0), -ENXIO);
        peer_part();
    }
}

TEST(net_backend, properties_that_are_not_an_interface_are_refused)
{
    static const struct {
        const char *path, *value;
        int error;
    } wrong[] = {{PEER_BACK "/feature-rx-copy", "0", -EOPNOTSUPP},
                 {PEER_FRONT "/mac", "00:16:3e:77:00", -EINVAL},
                 {PEER_FRONT "/mac", "00:16:3e:77:00:0g", -EINVAL},
                 {PEER_FRONT "/mac", "01:16:3e:77:00:01", -EINVAL},
                 {PEER_FRONT "/mac", "00:16:3e:77:00:01:02:03:04:05:06:07:08:09", -EINVAL},
                 {PEER_FRONT "/mac", "", -EINVAL}};

    IN_STORE;
    for (u32 i = 0; i < ARRAY_SIZE(wrong); i++) {
        REQUIRE(peer_offer_all(true));
        EXPECT_EQ(xenstore_write(TX, wrong[i].path, wrong[i].value), 0);
        EXPECT_EQ(net_driver.connect(&peer_device), wrong[i].error);
        net_driver.disconnect(&peer_device, true);
        EXPECT(net_driver.release(&peer_device));
    }
    xenstore_remove(TX, "data/net");
}

TEST(net_backend, the_mtu_is_that_of_the_toolstack_if_it_is_possible)
{
    static const struct {
        bool features;
        const char *mtu;
        u32 used;
    } cases[] = {{true, "9000", 9000}, {false, "9000", 1500},      {false, "4082", 4082},
                 {true, "67", 1500},   {true, "65522", 1500},      {true, "65521", 65521},
                 {true, "many", 1500}, {true, "99999999999", 1500}};

    IN_STORE;
    for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
        REQUIRE(peer_offer_all(cases[i].features));
        peer_offer("mtu", cases[i].mtu);
        EXPECT_EQ(net_driver.connect(&peer_device), 0);
        EXPECT_EQ(peer_netif()->mtu, cases[i].used);
        net_driver.disconnect(&peer_device, true);
        EXPECT(net_driver.release(&peer_device));
    }
    xenstore_remove(TX, "data/net");
}
