/* SPDX-License-Identifier: MIT */
/* Pings of a station (test/drivers/echo.h). */
#include "test/drivers/echo.h"
#include "lib/string.h"

enum {
    FRAGMENT = (ECHO_MTU - IP_HEADER) & ~7, /* bytes of data in a fragment but the last */
    ECHO_REPLY = 0,
    ECHO_REQUEST = 8,
};

static u8 payload_byte(u32 size, u32 at)
{
    return (u8)(at * 13 + size * 7 + at / 256);
}

/* Fill an echo request, whose sequence number is its size. */
static void fill_echo(u8 *icmp, u32 size)
{
    memset(icmp, 0, ICMP_HEADER);
    icmp[0] = ECHO_REQUEST;
    store_be16(icmp + 4, 0x5061);
    store_be16(icmp + 6, size);
    for (u32 i = 0; i < size; i++)
        icmp[ICMP_HEADER + i] = payload_byte(size, i);
    store_be16(icmp + 2, sum_fold(sum_add(0, icmp, ICMP_HEADER + size)));
}

u32 echo_wrong_bytes(const u8 *bytes, u32 offset, u32 len, u32 size)
{
    u32 wrong = 0;

    for (u32 i = 0; i < len; i++)
        if (offset + i >= ICMP_HEADER)
            wrong += bytes[i] != payload_byte(size, offset + i - ICMP_HEADER);
    return wrong;
}

int echo_send(struct station *s, u8 *memory, u32 size)
{
    u8 *const icmp = memory + IP_DATA_AT + ECHO_MTU;
    const u32 total = ICMP_HEADER + size;
    int error = 0;

    fill_echo(icmp, size);
    for (u32 at = 0; at < total && !error; at += FRAGMENT) {
        const u32 len = total > ECHO_MTU - IP_HEADER ? MIN(total - at, (u32)FRAGMENT) : total;
        const bool more = at + len < total;

        memcpy(memory + IP_DATA_AT, icmp + at, len);
        error = station_send(s, memory, IP_ICMP, at, more,
                             (struct netif_frame){.len = IP_DATA_AT + len});
        if (!more)
            break;
    }
    return error;
}

static void window_take(struct echo_window *w, const struct station *s)
{
    const u32 size = load_be16(s->data + 6), nth = size - w->first;

    if (s->len < ICMP_HEADER || s->data[0] != ECHO_REPLY || s->len != ICMP_HEADER + size ||
        nth >= w->count)
        return;
    w->wrong += echo_wrong_bytes(s->data, 0, s->len, size);
    w->wrong += sum_fold(sum_add(0, s->data, s->len)) != 0;
    w->answered |= 1u << nth;
}

bool echo_is_answered(const struct echo_window *w)
{
    return w->answered == (u32)((1ull << w->count) - 1);
}

int echo_attempt(struct station *s, u8 *memory, struct echo_window *w)
{
    int error = 0;

    for (u32 i = 0; i < w->count && !error; i++)
        if (!(w->answered & 1u << i))
            error = echo_send(s, memory, w->first + i);
    while (!error && !echo_is_answered(w) && station_receive(s, IP_ICMP, ECHO_LOST_NS))
        window_take(w, s);
    return error;
}
