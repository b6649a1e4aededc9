/* SPDX-License-Identifier: MIT */
/*
 * Network interfaces against the host's own backend and its stack (kernel/net.h, drivers/net.h):
 * pings (RFC 792), UDP and TCP to closed ports, whose answers say what the host has accepted.
 */
#include "drivers/net.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "pv/pv.h"
#include "test/drivers/echo.h"
#include "test/harness/test.h"

enum {
    UNREACHABLE = 3,
    PING_MAX = 65507,
    WINDOW = 16, /* pings that are outstanding */
};

/* How often, on a machine that emulates the host, too. An interface may be away for a minute. */
#define ATTEMPTS        100
#define ATTEMPTS_SOAKED 600

static struct netif *netif_find(void)
{
    struct time_limit limit = time_limit(60 * NS_PER_S);

    while (netif_count() && soak_share_ns && !READ_ONCE(netif_get(0)->up) &&
           !time_limit_reached(&limit))
        sleep_until(pv_clock_ns() + NS_PER_MS); /* the runner's step attaches it again */
    return netif_count() && netif_get(0)->up ? netif_get(0) : NULL;
}

static void close_scope(struct station *const *s)
{
    station_close(*s);
}

static void free_bytes(u8 *const *bytes)
{
    kfree(*bytes);
}

#define WITH_STATION(s) \
    struct netif *const netif_ = netif_find(); \
    if (!netif_) \
        SKIP("no network interface is attached (./run.sh ... --net)"); \
    struct station station_; \
    REQUIRE(station_open(&station_, netif_)); \
    struct station *const s __attribute__((cleanup(close_scope))) = &station_

#define BYTES(name, size) \
    u8 *const name __attribute__((cleanup(free_bytes))) = kmalloc(size); \
    REQUIRE(name)

/* ---- Pings ---------------------------------------------------------------------------------- */

/* Ping with the sizes of a window until all are answered. */
static bool window_run(struct station *s, u8 *memory, struct echo_window *w)
{
    for (u32 i = 0; i < ATTEMPTS && !echo_is_answered(w); i++)
        EXPECT_EQ(echo_attempt(s, memory, w), 0);
    return EXPECT(echo_is_answered(w)) && EXPECT_EQ(w->wrong, 0);
}

TEST(net, pings_of_every_size_that_fits_are_answered)
{
    const u32 most = ECHO_MTU - IP_HEADER - ICMP_HEADER;

    WITH_STATION(s);
    BYTES(memory, PAGE_SIZE);
    for (u32 size = 0; size <= most; size += WINDOW) {
        struct echo_window w = {.first = size, .count = MIN((u32)WINDOW, most + 1 - size)};

        if (!window_run(s, memory, &w))
            return;
    }
}

/* Return how many bytes of one ping's reply have arrived, in fragments, each once. */
static u32 fragments_receive(struct station *s, u32 size, u32 *wrong)
{
    u32 bytes = 0;

    while (bytes < ICMP_HEADER + size && station_receive(s, IP_ICMP, ECHO_LOST_NS)) {
        *wrong += echo_wrong_bytes(s->data, s->offset, s->len, size);
        bytes += s->len;
    }
    return bytes;
}

/*
 * Ping with one size until it is answered. Return false, with a failed expectation, if it is not. A
 * fragment does not name its ping, so those of an earlier one that are late fail an attempt.
 */
static bool ping_long(struct station *s, u8 *memory, u32 size)
{
    u32 bytes = 0, wrong = 0;

    for (u32 i = 0; i < ATTEMPTS && (bytes != ICMP_HEADER + size || wrong); i++) {
        while (i && station_receive(s, IP_ICMP, ECHO_LOST_NS))
            ;
        wrong = 0;
        EXPECT_EQ(echo_send(s, memory, size), 0);
        bytes = fragments_receive(s, size, &wrong);
    }
    return EXPECT_EQ(bytes, ICMP_HEADER + size) && EXPECT_EQ(wrong, 0);
}

TEST(net, pings_in_fragments_are_answered)
{
    static const u32 sizes[] = {1473, 1480, 2952, 2953, 4096, 9000, 20000, 40000, PING_MAX};

    WITH_STATION(s);
    BYTES(memory, IP_DATA_AT + ECHO_MTU + ICMP_HEADER + PING_MAX);
    for (u32 i = 0; i < ARRAY_SIZE(sizes); i++)
        if (!ping_long(s, memory, sizes[i]))
            return;
}

static bool is_enough(u32 rounds, u64 end)
{
    char value[8];

    if (rounds < 32)
        return false;
    return pv_clock_ns() >= end ||
           (rounds % 16 == 0 &&
            xenstore_read(XENSTORE_NO_TRANSACTION, "data/enough", value, sizeof(value)) >= 0);
}

/*
 * Ping until an answer, also while the interface is away. Its hotplug may change the address of the
 * host's bridge, so ask for that again.
 */
static bool ping_persist(struct station *s, u8 *memory, u32 size)
{
    struct echo_window w = {.first = size, .count = 1};

    for (u32 i = 0; i < ATTEMPTS_SOAKED && !echo_is_answered(&w); i++)
        if (echo_attempt(s, memory, &w))
            sleep_until(pv_clock_ns() + ECHO_LOST_NS);
        else if (!echo_is_answered(&w))
            station_find_host(s);
    return EXPECT(echo_is_answered(&w)) && EXPECT_EQ(w.wrong, 0);
}

/*
 * With soak= a step of the runner detaches and attaches the interface, and saves and restores the
 * machine. Packets may be lost by that; but each ping that is repeated is answered at last.
 */
SOAK_TEST(net, pings_are_answered_at_last)
{
    const u64 end = pv_clock_ns() + soak_share_ns;
    u32 rounds = 0, ups;

    WITH_STATION(s);
    BYTES(memory, PAGE_SIZE);
    ups = s->netif->ups;
    for (; !is_enough(rounds, end); rounds++)
        if (!ping_persist(s, memory, rounds * 97 % 1400))
            return;
    print("# net: %u pings, %u connections\n", rounds, s->netif->ups - ups + 1);
}

/* ---- Offload -------------------------------------------------------------------------------- */

enum { UDP_HEADER = 8, TCP_HEADER = 20, PORT = 40000, CLOSED_PORT = 9 };

/* Fill a UDP header, with the checksum of the pseudo header only if blank, or else a whole one. */
static void fill_udp(const struct station *s, u8 *udp, u32 len, u32 port, bool blank)
{
    u32 sum = station_pseudo_sum(s, IP_UDP, len);

    store_be16(udp, port);
    store_be16(udp + 2, CLOSED_PORT);
    store_be16(udp + 4, len);
    store_be16(udp + 6, 0);
    if (!blank)
        sum = sum_add(sum, udp, len);
    store_be16(udp + 6, blank ? (u16)~sum_fold(sum) : sum_fold(sum));
}

/* Return whether an ICMP packet reports that the port of this UDP packet is unreachable. */
static bool is_report_about(const struct station *s, const u8 *udp)
{
    const u8 *reported = s->data + ICMP_HEADER + IP_HEADER;

    return s->len >= ICMP_HEADER + IP_HEADER + UDP_HEADER && s->data[0] == UNREACHABLE &&
           s->data[1] == 3 && !memcmp(reported, udp, 4);
}

/* Send a UDP packet to a closed port. Return whether the host reports that, as RFC 1122 asks. */
static bool udp_is_refused(struct station *s, u8 *frame, struct netif_frame info, u64 ns)
{
    const u64 end = pv_clock_ns() + ns;

    if (!EXPECT_EQ(station_send(s, frame, IP_UDP, 0, false, info), 0))
        return false;
    while (pv_clock_ns() < end)
        if (station_receive(s, IP_ICMP, end - pv_clock_ns()) &&
            is_report_about(s, frame + IP_DATA_AT))
            return true;
    return false;
}

static bool udp_is_answered(struct station *s, u8 *frame, struct netif_frame info)
{
    bool answered = false;

    for (u32 i = 0; i < ATTEMPTS && !answered; i++)
        answered = udp_is_refused(s, frame, info, 1200 * NS_PER_MS); /* one a second at least */
    return answered;
}

/* The host drops a packet whose checksum is wrong before it looks at the port. */
TEST(net, a_checksum_may_be_left_to_the_host)
{
    enum { LEN = UDP_HEADER + 100 };
    struct netif_frame info = {.len = IP_DATA_AT + LEN};

    WITH_STATION(s);
    BYTES(frame, PAGE_SIZE);
    memset(frame, 0x5a, PAGE_SIZE);
    fill_udp(s, frame + IP_DATA_AT, LEN, PORT, false);
    EXPECT(udp_is_answered(s, frame, info));
    fill_udp(s, frame + IP_DATA_AT, LEN, PORT + 1, false);
    frame[IP_DATA_AT + 50] ^= 1;
    EXPECT(!udp_is_refused(s, frame, info, 1200 * NS_PER_MS));
    if (!s->netif->sends_blank)
        SKIP("the backend does not offload checksums");
    fill_udp(s, frame + IP_DATA_AT, LEN, PORT + 2, true);
    info.sum = NETIF_CHECKSUM_BLANK;
    EXPECT(udp_is_answered(s, frame, info));
}

/* A segment without ACK: the answer of a closed port acknowledges all its bytes (RFC 9293). */
static void fill_tcp(const struct station *s, u8 *tcp, u32 len, u32 sequence_number)
{
    memset(tcp, 0, TCP_HEADER);
    store_be16(tcp, PORT);
    store_be16(tcp + 2, CLOSED_PORT);
    store_be32(tcp + 4, sequence_number);
    tcp[12] = TCP_HEADER / 4 << 4;
    tcp[13] = 8; /* PSH */
    store_be16(tcp + 14, 4096);
    store_be16(tcp + 16, (u16)~sum_fold(station_pseudo_sum(s, IP_TCP, len)));
}

TEST(net, a_frame_that_stands_for_several_segments_is_whole)
{
    static const u32 lengths[] = {3000, 4096 - IP_DATA_AT - TCP_HEADER, 20000, 60000};
    u32 sequence_number = 0x12345678;

    WITH_STATION(s);
    if (!s->netif->sends_segments)
        SKIP("the backend does not split segments");
    BYTES(frame, NETIF_FRAME_MAX);
    for (u32 i = 0; i < ARRAY_SIZE(lengths); i++, sequence_number += 100000) {
        const u32 len = TCP_HEADER + lengths[i];
        const struct netif_frame info = {IP_DATA_AT + len, NETIF_CHECKSUM_BLANK, 1460};
        u32 acknowledged = 0;

        memset(frame, 0x33, NETIF_FRAME_MAX);
        fill_tcp(s, frame + IP_DATA_AT, len, sequence_number);
        for (u32 k = 0; k < ATTEMPTS && acknowledged != sequence_number + lengths[i]; k++) {
            EXPECT_EQ(station_send(s, frame, IP_TCP, 0, false, info), 0);
            if (station_receive(s, IP_TCP, ECHO_LOST_NS) && s->len >= TCP_HEADER)
                acknowledged = load_be32(s->data + 8);
        }
        EXPECT_EQ(acknowledged, sequence_number + lengths[i]);
    }
}

/* ---- What is left --------------------------------------------------------------------------- */

TEST(net, what_is_outstanding_is_sent_at_last)
{
    struct echo_window w = {.first = 1000, .count = WINDOW};
    struct net *n;
    u64 flags;

    WITH_STATION(s);
    BYTES(memory, PAGE_SIZE);
    if (!window_run(s, memory, &w))
        return;
    n = container_of(s->netif, struct net, netif);
    net_drain(n, ATTEMPTS * ECHO_LOST_NS);
    flags = net_lock(n);
    EXPECT_EQ(n->sent.nr_outstanding, 0);
    EXPECT_EQ(n->sent.nr_extras, 0);
    EXPECT_EQ(n->nr_free_ids, NET_SLOTS);
    net_unlock(n, flags);
}
