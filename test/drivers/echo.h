/* SPDX-License-Identifier: MIT */
/*
 * Pings of a station (RFC 792). The bytes of a ping depend on its size, which is its sequence
 * number, too.
 */
#ifndef TEST_DRIVERS_ECHO_H
#define TEST_DRIVERS_ECHO_H

#include "test/drivers/station.h"

enum {
    ECHO_MTU = 1500,
    ICMP_HEADER = 8,
};

/* After so long without an answer a packet is taken to be lost, and sent again. */
#define ECHO_LOST_NS (200 * NS_PER_MS)

/* Pings with count sizes from first on, and what has been answered of them; count: 32 at most. */
struct echo_window {
    u32 first, count;
    u32 answered; /* bits */
    u32 wrong;    /* bytes */
};

bool echo_is_answered(const struct echo_window *w);

/* Count the bytes of an echo reply, from offset on, that differ from what was sent. */
u32 echo_wrong_bytes(const u8 *bytes, u32 offset, u32 len, u32 size);

/* Send a ping in as many fragments as it takes; memory has room for it and for a frame. */
int echo_send(struct station *s, u8 *memory, u32 size);

/* Ping with the sizes that have no answer, and take answers. Return 0 or the error of a ping. */
int echo_attempt(struct station *s, u8 *memory, struct echo_window *w);

#endif
