/* SPDX-License-Identifier: MIT */
/* TCP segments that leave as one frame (batch.h). */
#include "lib/newlib/sockets/batch.h"

#include <string.h>

/* Offsets in an Ethernet frame, in IPv4's header and in TCP's (IEEE 802.3, RFC 791, RFC 9293). */
#define ETHERNET    14
#define ETHER_TYPE  12
#define IP_LENGTH   2
#define IP_FRAGMENT 6
#define IP_PROTOCOL 9
#define IP_CHECKSUM 10
#define IP_SOURCE   12
#define TCP_SEQ     4
#define TCP_ACK     8
#define TCP_OFFSET  12
#define TCP_FLAGS   13
#define TCP_WINDOW  14
#define TCP_SUM     16

#define IP_HEADER  20
#define TCP_HEADER 20
#define TYPE_IPV4  0x0800
#define TCP        6
#define FLAG_PSH   0x08
#define FLAG_ACK   0x10

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static size_t ip_header(const uint8_t *ip)
{
    return (size_t)(ip[0] & 15) * 4;
}

size_t batch_tcp_headers(const uint8_t *frame, size_t len)
{
    const uint8_t *ip = frame + ETHERNET, *tcp;
    size_t headers;

    if (len < ETHERNET + IP_HEADER + TCP_HEADER || get16(frame + ETHER_TYPE) != TYPE_IPV4 ||
        ip[0] >> 4 != 4 || ip_header(ip) < IP_HEADER || ip[IP_PROTOCOL] != TCP ||
        get16(ip + IP_FRAGMENT) & 0x3fff)
        return 0;
    tcp = ip + ip_header(ip);
    headers = ETHERNET + ip_header(ip) + TCP_HEADER;
    if (len < headers)
        return 0;
    headers += (size_t)(tcp[TCP_OFFSET] >> 4) * 4 - TCP_HEADER;
    return tcp[TCP_OFFSET] >> 4 < TCP_HEADER / 4 || len < headers ? 0 : headers;
}

void batch_begin(struct batch *b, size_t len)
{
    const size_t headers = batch_tcp_headers(b->bytes, len);
    const uint8_t flags =
        headers ? b->bytes[ETHERNET + ip_header(b->bytes + ETHERNET) + TCP_FLAGS] : 0;

    b->len = len;
    b->headers = (flags & ~FLAG_PSH) == FLAG_ACK && len > headers ? headers : 0;
    b->segment = (uint16_t)(len - headers);
    b->segments = 1;
    b->ends = false;
}

/*
 * Return whether these headers continue the batch: those of its connection, with the next sequence
 * number, the same acknowledgement and window, and equal options.
 */
static bool is_next(const struct batch *b, const uint8_t *ip, const uint8_t *tcp)
{
    const uint8_t *first = b->bytes + ETHERNET, *first_tcp = first + ip_header(first);
    const size_t options = b->headers - (size_t)(first_tcp - b->bytes) - TCP_HEADER;

    return first[0] == ip[0] && first[1] == ip[1] &&
           !memcmp(first + IP_PROTOCOL - 1, ip + IP_PROTOCOL - 1, 2) &&
           !memcmp(first + IP_SOURCE, ip + IP_SOURCE, ip_header(ip) - IP_SOURCE) &&
           !memcmp(first_tcp, tcp, TCP_SEQ) && !memcmp(first_tcp + TCP_ACK, tcp + TCP_ACK, 5) &&
           !memcmp(first_tcp + TCP_WINDOW, tcp + TCP_WINDOW, 2) &&
           !memcmp(first_tcp + TCP_HEADER, tcp + TCP_HEADER, options) &&
           get32(tcp + TCP_SEQ) == get32(first_tcp + TCP_SEQ) + (uint32_t)(b->len - b->headers);
}

size_t batch_fits(const struct batch *b, const uint8_t *frame, size_t len)
{
    const size_t headers = batch_tcp_headers(frame, len), data = len - headers;
    const uint8_t *ip = frame + ETHERNET;

    if (!b->headers || b->ends || headers != b->headers || !data || data > b->segment ||
        b->len + data > BATCH_MAX || memcmp(frame, b->bytes, ETHERNET))
        return 0;
    if ((ip[ip_header(ip) + TCP_FLAGS] & ~FLAG_PSH) != FLAG_ACK)
        return 0;
    return is_next(b, ip, ip + ip_header(ip)) ? data : 0;
}

void batch_added(struct batch *b, const uint8_t *frame, size_t data)
{
    const size_t flags = ETHERNET + ip_header(frame + ETHERNET) + TCP_FLAGS;

    b->len += data;
    b->ends = data < b->segment;
    b->segments++;
    b->bytes[flags] |= frame[flags] & FLAG_PSH;
}

/* Return the sum of 16 bit words, with the carries not yet added. len is even. */
static uint32_t sum_words(const uint8_t *at, size_t len)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i += 2)
        sum += get16(at + i);
    return sum;
}

static uint32_t fold(uint32_t sum)
{
    sum = (sum >> 16) + (sum & 0xffff);
    return (sum >> 16) + (sum & 0xffff);
}

void batch_complete(struct batch *b)
{
    uint8_t *ip = b->bytes + ETHERNET, *tcp = ip + ip_header(ip);
    const size_t total = b->len - ETHERNET, tcp_len = total - ip_header(ip);

    if (b->segments > 1) {
        put16(ip + IP_LENGTH, (uint32_t)total);
        put16(ip + IP_CHECKSUM, 0);
        put16(ip + IP_CHECKSUM, ~fold(sum_words(ip, ip_header(ip))));
    }
    put16(tcp + TCP_SUM, fold(sum_words(ip + IP_SOURCE, 8) + TCP + (uint32_t)tcp_len));
}
