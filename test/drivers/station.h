/* SPDX-License-Identifier: MIT */
/*
 * A station on an interface's network, as small as the tests of drivers need it: ARP (RFC 826) and
 * IPv4 (RFC 791) without options. The host is at 10.0.0.1, the address of dom0's bridge.
 */
#ifndef TEST_DRIVERS_STATION_H
#define TEST_DRIVERS_STATION_H

#include "kernel/net.h"

enum {
    IP_HEADER = 20,
    IP_AT = NETIF_HEADER, /* in a frame */
    IP_DATA_AT = NETIF_HEADER + IP_HEADER,
    IP_ICMP = 1,
    IP_TCP = 6,
    IP_UDP = 17,
};

struct station {
    struct netif *netif;
    u8 ip[4], host_mac[6];
    bool host_known;
    /* The packet that was received last. */
    u8 *frame;
    struct netif_frame info;
    const u8 *data; /* after the IP header */
    u32 len;        /* of the data */
    u32 offset;     /* of a fragment */
    bool more;      /* more fragments follow */
};

extern const u8 station_host[4];

/* Open the interface, and find the host. Return false, with a failed expectation, without it. */
bool station_open(struct station *s, struct netif *n);

/* Ask for the host's address again, while the interface is up. Return whether it has answered. */
bool station_find_host(struct station *s);
void station_close(struct station *s);

/* Send a frame whose IP header is to be filled, with len bytes of data; offset: of a fragment. */
int station_send(struct station *s, u8 *frame, u32 protocol, u32 offset, bool more,
                 struct netif_frame info);

/* Wait for a packet of this protocol from the host, and answer ARP. Return false after ns. */
bool station_receive(struct station *s, u32 protocol, u64 ns);

u16 load_be16(const u8 *p);
u32 load_be32(const u8 *p);
void store_be16(u8 *p, u32 value);
void store_be32(u8 *p, u32 value);

/* Return the sum of RFC 1071 over bytes and what was summed before, and the checksum of a sum. */
u32 sum_add(u32 sum, const u8 *p, u32 len);
u16 sum_fold(u32 sum);

/* Return the sum of the pseudo header of TCP and UDP. */
u32 station_pseudo_sum(const struct station *s, u32 protocol, u32 len);

#endif
