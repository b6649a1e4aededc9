/* SPDX-License-Identifier: MIT */
/* lib/newlib/sockets: the word NET=, and TCP segments that leave as one frame. */
#include "harness.h"

#include "lib/newlib/sockets/address.h"
#include "lib/newlib/sockets/batch.h"
#include "lib/newlib/sockets/isn.h"

/* ---- NET= ------------------------------------------------------------------------------------ */

static void addresses_of_a_word(void)
{
    struct addresses a;

    CHECK(addresses_parse(NULL, &a));
    CHECK_EQ(a.source, ADDRESS_DHCP);
    CHECK(addresses_parse("dhcp", &a));
    CHECK_EQ(a.source, ADDRESS_DHCP);
    CHECK(addresses_parse("loopback", &a));
    CHECK_EQ(a.source, ADDRESS_LOOPBACK);
    CHECK_EQ(a.nameserver, 0x7f000001);
    CHECK(addresses_parse("10.0.0.2/24", &a));
    CHECK_EQ(a.source, ADDRESS_STATIC);
    CHECK_EQ(a.own, 0x0a000002);
    CHECK_EQ(a.mask, 0xffffff00);
    CHECK_EQ(a.gateway | a.nameserver, 0);
    CHECK(addresses_parse("192.168.255.1/1,192.168.0.9,8.8.8.8", &a));
    CHECK_EQ(a.mask, 0x80000000);
    CHECK_EQ(a.gateway, 0xc0a80009);
    CHECK_EQ(a.nameserver, 0x08080808);
    CHECK(addresses_parse("1.2.3.4/32", &a));
    CHECK_EQ(a.mask, 0xffffffff);
}

static void words_that_are_refused(void)
{
    static const char *const words[] = {
        "",
        "DHCP",
        "dhcp,",
        "10.0.0.2",
        "10.0.0.2/",
        "10.0.0.2/0",
        "10.0.0.2/33",
        "10.0.0.2/024",
        "10.0.0.2/24 ",
        "10.0.0.2/24,",
        "10.0.0.2/24,10.0.0",
        "10.0.0.2/24,0.0.0.0",
        "10.0.0.2/24,10.0.0.1,",
        "10.0.0.2/24,10.0.0.1,10.0.0.1,10.0.0.1",
        "10.0.0.256/24",
        "10.0.0.99999999999999999999/24",
        "10.0.0/24",
        "10.0.0.2.3/24",
        "0.0.0.0/24",
        "127.0.0.1/8",
        "224.0.0.1/24",
        "255.255.255.255/24",
        "-1.0.0.2/24",
        "10..0.2/24",
    };
    struct addresses a;

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (addresses_parse(words[i], &a))
            fail_at(__FILE__, __LINE__, "'%s' is accepted", words[i]);
        else
            checks++;
}

static void addresses_alone(void)
{
    uint32_t address;

    CHECK(address_parse("0.1.2.255", &address));
    CHECK_EQ(address, 0x000102ff);
    CHECK(!address_parse("0.1.2.255/8", &address));
    CHECK(!address_parse("", &address));
}

/* ---- Batches --------------------------------------------------------------------------------- */

#define IP      14
#define TCP     34
#define HEADERS 54
#define SEGMENT 1000

static u8 bytes[BATCH_MAX + SEGMENT], frame[2000];
static struct batch batch;

static void put16(u8 *at, u32 value)
{
    at[0] = (u8)(value >> 8);
    at[1] = (u8)value;
}

/* Make a frame of TCP on IPv4 with so much data, the bytes of the stream from this position on. */
static size_t make_frame(u32 position, size_t data)
{
    static const u8 headers[HEADERS] = {
        2,    0,  0,    0, 0,    1,    2,    0, 0,  0, 0, 2, 8,    0, /* Ethernet */
        0x45, 0,  0,    0, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 10,   0,
        0,    2,  10,   0, 0,    1, /* IPv4 */
        0,    80, 0x80, 1, 0,    0,    0,    0, 1,  2, 3, 4, 0x50, 0x10,
        0x10, 0,  0,    0, 0,    0, /* TCP */
    };

    memcpy(frame, headers, HEADERS);
    put16(frame + IP + 2, (u32)(HEADERS - IP + data));
    put16(frame + TCP + 4, position >> 16);
    put16(frame + TCP + 6, position);
    for (size_t i = 0; i < data; i++)
        frame[HEADERS + i] = (u8)(position + i);
    return HEADERS + data;
}

static void begin(size_t len)
{
    batch = (struct batch){.bytes = bytes};
    memcpy(bytes, frame, len);
    batch_begin(&batch, len);
}

/* Add the frame if it fits, as interface.c does. */
static bool add(size_t len)
{
    const size_t data = batch_fits(&batch, frame, len);

    if (!data)
        return false;
    memcpy(bytes + batch.len, frame + len - data, data);
    batch_added(&batch, frame, data);
    return true;
}

/* The sum of 16 bit words, folded; all ones if a checksum among them is right. */
static u32 sum(const u8 *at, size_t len, u32 sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? at[i] : (u32)at[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static void segments_become_one_frame(void)
{
    const u32 first = 0xfffffc00; /* the sequence numbers wrap */
    const size_t total = 3 * SEGMENT + 7;

    begin(make_frame(first, SEGMENT));
    CHECK(add(make_frame(first + SEGMENT, SEGMENT)));
    CHECK(add(make_frame(first + 2 * SEGMENT, SEGMENT)));
    make_frame(first + 3 * SEGMENT, 7);
    frame[TCP + 13] |= 8; /* PSH */
    CHECK(add(HEADERS + 7));
    CHECK_EQ(batch.segments, 4);
    CHECK_EQ(batch.segment, SEGMENT);
    batch_complete(&batch);
    CHECK_EQ(batch.len, HEADERS + total);
    for (size_t i = 0; i < total; i++)
        CHECK_EQ(bytes[HEADERS + i], (u8)(first + i));
    CHECK_EQ(bytes[TCP + 13], 0x18);
    CHECK_EQ(bytes[IP + 2] << 8 | bytes[IP + 3], HEADERS - IP + total);
    CHECK_EQ(sum(bytes + IP, 20, 0), 0xffff);
    CHECK_EQ(bytes[TCP + 16] << 8 | bytes[TCP + 17],
             sum(bytes + IP + 12, 8, 6 + (u32)(20 + total)));
    CHECK(!add(make_frame(first + (u32)total, SEGMENT)));
}

static void a_frame_alone_keeps_the_checksum_of_ip(void)
{
    make_frame(5, 0);
    put16(frame + IP + 10, 0x5678);
    begin(HEADERS);
    batch_complete(&batch);
    CHECK_EQ(bytes[IP + 10] << 8 | bytes[IP + 11], 0x5678);
    CHECK_EQ(bytes[TCP + 16] << 8 | bytes[TCP + 17], sum(bytes + IP + 12, 8, 6 + 20));
}

static void a_batch_is_bounded(void)
{
    u32 position = SEGMENT;

    begin(make_frame(0, SEGMENT));
    while (add(make_frame(position, SEGMENT)))
        position += SEGMENT;
    CHECK_EQ(position, 65 * SEGMENT);
    CHECK(batch.len <= BATCH_MAX);
}

/* What differs from the frame that would fit: a byte, and its other value. */
static const struct {
    const char *what;
    size_t at;
    u8 value;
} others[] = {
    {"the destination's MAC", 0, 4},
    {"the kind of frame", 13, 6},
    {"the version of IP", IP, 0x65},
    {"options of IP", IP, 0x46},
    {"the class of service", IP + 1, 1},
    {"a fragment", IP + 7, 1},
    {"more fragments", IP + 6, 0x20},
    {"the lifetime", IP + 8, 63},
    {"UDP", IP + 9, 17},
    {"the source", IP + 15, 9},
    {"the destination", IP + 19, 9},
    {"the source's port", TCP + 1, 81},
    {"the destination's port", TCP + 3, 2},
    {"a gap", TCP + 7, 0xe9},
    {"the acknowledgement", TCP + 11, 5},
    {"options of TCP", TCP + 12, 0x60},
    {"a header of TCP that is too short", TCP + 12, 0x40},
    {"FIN", TCP + 13, 0x11},
    {"SYN", TCP + 13, 0x12},
    {"RST", TCP + 13, 0x14},
    {"URG", TCP + 13, 0x30},
    {"no ACK", TCP + 13, 0},
    {"the window", TCP + 14, 0x11},
};

static void what_differs_is_not_added(void)
{
    begin(make_frame(0, SEGMENT));
    CHECK(add(make_frame(SEGMENT, SEGMENT)));
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        begin(make_frame(0, SEGMENT));
        make_frame(SEGMENT, SEGMENT);
        CHECK(frame[others[i].at] != others[i].value);
        frame[others[i].at] = others[i].value;
        if (add(HEADERS + SEGMENT))
            fail_at(__FILE__, __LINE__, "%s: it is added", others[i].what);
        else
            checks++;
    }
    begin(make_frame(0, SEGMENT));
    CHECK(!add(make_frame(SEGMENT, SEGMENT + 1)));
    CHECK(!add(make_frame(SEGMENT, 0)));
}

static void nothing_is_added_to_what_is_not_data(void)
{
    begin(make_frame(0, 0));
    CHECK(!add(make_frame(0, SEGMENT)));
    make_frame(0, SEGMENT);
    frame[TCP + 13] = 0x11;
    begin(HEADERS + SEGMENT);
    CHECK(!add(make_frame(SEGMENT, SEGMENT)));
    make_frame(0, SEGMENT);
    frame[IP + 9] = 17;
    begin(HEADERS + SEGMENT);
    CHECK(!add(HEADERS + SEGMENT));
}

/* No byte beyond the frame is read: the sanitizers would report it. */
static void frames_that_are_cut_off(void)
{
    for (size_t len = 0; len < HEADERS; len++) {
        u8 *cut = malloc(len + !len);

        make_frame(0, SEGMENT);
        memcpy(cut, frame, len);
        CHECK_EQ(batch_tcp_headers(cut, len), 0);
        free(cut);
    }
    make_frame(0, SEGMENT);
    CHECK_EQ(batch_tcp_headers(frame, HEADERS), HEADERS);
    frame[TCP + 12] = 0x60;
    CHECK_EQ(batch_tcp_headers(frame, HEADERS), 0);
    CHECK_EQ(batch_tcp_headers(frame, HEADERS + 4), HEADERS + 4);
    make_frame(0, SEGMENT);
    frame[IP] = 0x4f;
    CHECK_EQ(batch_tcp_headers(frame, HEADERS + 39), 0);
}

/* ---- First sequence numbers ------------------------------------------------------------------ */

/* The bytes 0 to 15, by a key of the same bytes: a vector of SipHash's authors. */
static void the_hash_is_siphash(void)
{
    static const uint64_t bytes[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

    CHECK_EQ(isn_hash(bytes, bytes), 0x3f2acc7f57c29bdb);
}

int main(void)
{
    RUN(addresses_of_a_word);
    RUN(words_that_are_refused);
    RUN(addresses_alone);
    RUN(segments_become_one_frame);
    RUN(a_frame_alone_keeps_the_checksum_of_ip);
    RUN(a_batch_is_bounded);
    RUN(what_differs_is_not_added);
    RUN(nothing_is_added_to_what_is_not_data);
    RUN(frames_that_are_cut_off);
    RUN(the_hash_is_siphash);
    return finish("sockets");
}
