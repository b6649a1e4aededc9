/* SPDX-License-Identifier: MIT */
/*
 * Network interfaces for programs: Ethernet frames, for a protocol stack that is a part of the
 * program. An interface is named as the kernel names it, "net0" (docs/drivers.md).
 *
 * Functions return 0, or -1 and set errno.
 */
#ifndef LIB_NEWLIB_NET_FRAMES_H
#define LIB_NEWLIB_NET_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_FRAME_HEADER 14           /* bytes of a frame before its payload */
#define NET_FRAME_MAX    (65535 + 18) /* bytes of a frame that is received */

struct net_properties {
    uint8_t mac[6];
    uint32_t mtu; /* bytes of a frame's payload */
    bool up;      /* attached to a network */
    uint32_t ups; /* how often it came up, after a restore for instance */
    bool sends_blank, sends_segments;
};

/* What is known of the TCP or UDP checksum in a frame. */
enum net_checksum {
    NET_CHECKSUM_WHOLE, /* it is there, and has not been compared */
    NET_CHECKSUM_VALID, /* it need not be compared */
    NET_CHECKSUM_BLANK, /* it is that of the pseudo header only; to be sent if sends_blank */
};

struct net_frame {
    size_t len;
    enum net_checksum checksum;
    /*
     * 0; or the frame stands for several, of TCP on IPv4, each with so many bytes of data; to be
     * sent with a blank checksum if sends_segments.
     */
    uint16_t segment;
};

/* Have the frames of an interface, and return its number. Errors: ENODEV, EBUSY. */
int net_open(const char *name);
int net_close(int net);

/* Errors of all below: EBADF for what is not open. */
int net_properties(int net, struct net_properties *properties);

/*
 * Send a frame, when there is room for it. Errors: ENXIO if the interface is down, EINVAL if the
 * frame cannot be sent, ETIME if the other side makes no room.
 */
int net_send(int net, const void *bytes, const struct net_frame *frame);

/*
 * Wait up to ns nanoseconds for a frame. frame->len is how many bytes fit, then how many there are.
 * Errors: ETIME; E2BIG if the frame does not fit, and is lost; EINTR after a handler of a signal. A
 * cancellation point.
 */
int net_receive(int net, void *bytes, struct net_frame *frame, uint64_t ns);

#endif
