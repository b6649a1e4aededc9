/* SPDX-License-Identifier: MIT */
/*
 * Network interfaces, by whatever driver: Ethernet frames, and no protocol above them. A driver
 * registers an interface once, and it stays, under its name; one that is detached is down, and may
 * come up again with other properties.
 */
#ifndef KERNEL_NET_H
#define KERNEL_NET_H

#include "kernel/thread.h"

#define NETIFS_MAX      8
#define NETIF_NAME_MAX  8
#define NETIF_HEADER    14           /* bytes of a frame before its payload */
#define NETIF_FRAME_MAX (65535 + 18) /* bytes of a frame that is received */
#define NETIF_FOREVER   (~0ull)

/* What is known of the TCP or UDP checksum in a frame. */
enum netif_checksum {
    NETIF_CHECKSUM_WHOLE, /* it is there, and has not been compared */
    NETIF_CHECKSUM_VALID, /* it need not be compared */
    NETIF_CHECKSUM_BLANK, /* it is that of the pseudo header only, and need not be compared */
};

struct netif_frame {
    u32 len; /* bytes */
    enum netif_checksum sum;
    /*
     * 0; or the frame is TCP on IPv4, with a blank checksum, and stands for several: it has up to
     * 64 KiB, of which each has so many bytes of data.
     */
    u16 segment;
};

struct netif {
    char name[NETIF_NAME_MAX];
    /* Written: by the driver, before the interface comes up. */
    u8 mac[6];
    u32 mtu;             /* bytes of a frame's payload */
    bool sends_blank;    /* a frame with NETIF_CHECKSUM_BLANK may be sent */
    bool sends_segments; /* a frame that stands for several may be sent */
    bool up;             /* Atomic: a flag */
    bool open;           /* Atomic: exchanged */
    u32 ups;             /* how often it came up. Atomic: grows only */
    /* The driver's part of netif_send and netif_receive, which have checked the arguments. */
    int (*send)(struct netif *n, const void *bytes, const struct netif_frame *frame);
    int (*receive)(struct netif *n, void *bytes, struct netif_frame *frame, u64 ns);
    /* The interface was closed: drop what is received until it is opened. */
    void (*closed)(struct netif *n);
};

/* Add an interface. Return false if there are NETIFS_MAX. */
bool netif_register(struct netif *n);

/* Return how many interfaces were registered, and one of them. */
u32 netif_count(void);
struct netif *netif_get(u32 index);

/* Have an interface's frames; -EBUSY if another part of the kernel has them. */
int netif_open(struct netif *n);

/* Drop what is received from now on. No netif_receive is in progress. */
void netif_close(struct netif *n);

/*
 * Send a frame, its Ethernet header included; the bytes are copied. Wait for room in the driver's
 * ring. Return 0, or -ENXIO if the interface is down; -ETIME if the other side makes no room;
 * -EINVAL if the frame is shorter than a header or longer than the MTU allows, or needs what the
 * interface does not offer. Context: thread, interrupts enabled, no spinlock held.
 */
int netif_send(struct netif *n, const void *bytes, const struct netif_frame *frame);

/*
 * Wait up to ns nanoseconds for a frame, and store its bytes and what is known of it; frame->len is
 * how many bytes fit. An interface that is down receives nothing. Return 0; -ETIME; or -E2BIG if
 * the frame does not fit, and is lost. The interface is open. Context: as netif_send.
 */
int netif_receive(struct netif *n, void *bytes, struct netif_frame *frame, u64 ns);

#endif
