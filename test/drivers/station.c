/* SPDX-License-Identifier: MIT */
/* A station on an interface's network (test/drivers/station.h). */
#include "test/drivers/station.h"
#include "kernel/smp.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "pv/pv.h"
#include "test/harness/test.h"

enum {
    TYPE_IP = 0x0800,
    TYPE_ARP = 0x0806,
    ARP_LEN = 28,
    ARP_REQUEST = 1,
    ARP_REPLY = 2,
};

const u8 station_host[4] = {10, 0, 0, 1};
static const u8 broadcast[6] = {255, 255, 255, 255, 255, 255};

/* ---- Numbers and sums ----------------------------------------------------------------------- */

u16 load_be16(const u8 *p)
{
    return (u16)(p[0] << 8 | p[1]);
}

u32 load_be32(const u8 *p)
{
    return (u32)load_be16(p) << 16 | load_be16(p + 2);
}

void store_be16(u8 *p, u32 value)
{
    p[0] = (u8)(value >> 8);
    p[1] = (u8)value;
}

void store_be32(u8 *p, u32 value)
{
    store_be16(p, value >> 16);
    store_be16(p + 2, value);
}

u32 sum_add(u32 sum, const u8 *p, u32 len)
{
    for (u32 i = 0; i < len; i += 2)
        sum += (u32)p[i] << 8 | (i + 1 < len ? p[i + 1] : 0);
    return sum;
}

u16 sum_fold(u32 sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (u16)~sum;
}

u32 station_pseudo_sum(const struct station *s, u32 protocol, u32 len)
{
    return sum_add(sum_add(protocol + len, s->ip, 4), station_host, 4);
}

/* ---- ARP ------------------------------------------------------------------------------------ */

static void fill_header(const struct station *s, u8 *frame, const u8 to[6], u16 type)
{
    memcpy(frame, to, 6);
    memcpy(frame + 6, s->netif->mac, 6);
    store_be16(frame + 12, type);
}

static int send_arp(const struct station *s, const u8 to[6], u32 operation)
{
    static const u8 start[] = {0, 1, 8, 0, 6, 4};
    const struct netif_frame info = {.len = NETIF_HEADER + ARP_LEN};
    u8 frame[NETIF_HEADER + ARP_LEN] = {0};
    u8 *arp = frame + NETIF_HEADER;

    fill_header(s, frame, to, TYPE_ARP);
    memcpy(arp, start, sizeof(start));
    store_be16(arp + 6, operation);
    memcpy(arp + 8, s->netif->mac, 6);
    memcpy(arp + 14, s->ip, 4);
    if (operation == ARP_REPLY)
        memcpy(arp + 18, to, 6);
    memcpy(arp + 24, station_host, 4);
    return netif_send(s->netif, frame, &info);
}

static void take_arp(struct station *s, const u8 *arp, u32 len)
{
    if (len < ARP_LEN || memcmp(arp + 14, station_host, 4) || memcmp(arp + 24, s->ip, 4))
        return;
    memcpy(s->host_mac, arp + 8, 6);
    s->host_known = true;
    if (load_be16(arp + 6) == ARP_REQUEST)
        send_arp(s, s->host_mac, ARP_REPLY);
}

/* ---- IP ------------------------------------------------------------------------------------- */

static u16 sequence; /* of the packets that were sent */

int station_send(struct station *s, u8 *frame, u32 protocol, u32 offset, bool more,
                 struct netif_frame info)
{
    u8 *ip = frame + IP_AT;

    fill_header(s, frame, s->host_mac, TYPE_IP);
    memset(ip, 0, IP_HEADER);
    ip[0] = 0x45;
    store_be16(ip + 2, info.len - IP_AT);
    store_be16(ip + 4, offset || more ? sequence : ++sequence);
    store_be16(ip + 6, offset / 8 | (more ? 0x2000 : 0));
    ip[8] = 64;
    ip[9] = (u8)protocol;
    memcpy(ip + 12, s->ip, 4);
    memcpy(ip + 16, station_host, 4);
    store_be16(ip + 10, sum_fold(sum_add(0, ip, IP_HEADER)));
    if (offset && !more)
        sequence++;
    return netif_send(s->netif, frame, &info);
}

static bool take_ip(struct station *s, u32 protocol)
{
    const u8 *ip = s->frame + IP_AT;
    const u32 total = load_be16(ip + 2), fragment = load_be16(ip + 6);

    if (s->info.len < IP_DATA_AT || ip[0] != 0x45 || total > s->info.len - IP_AT ||
        total < IP_HEADER || ip[9] != protocol || memcmp(ip + 12, station_host, 4) ||
        memcmp(ip + 16, s->ip, 4))
        return false;
    s->data = ip + IP_HEADER;
    s->len = total - IP_HEADER;
    s->offset = (fragment & 0x1fff) * 8;
    s->more = fragment & 0x2000;
    return true;
}

static bool take_frame(struct station *s, u32 protocol)
{
    const u16 type = load_be16(s->frame + 12);

    if (type == TYPE_ARP)
        take_arp(s, s->frame + NETIF_HEADER, s->info.len - NETIF_HEADER);
    return type == TYPE_IP && take_ip(s, protocol);
}

bool station_receive(struct station *s, u32 protocol, u64 ns)
{
    const u64 end = pv_clock_ns() + ns;

    for (;;) {
        const u64 now = pv_clock_ns();

        s->info = (struct netif_frame){.len = NETIF_FRAME_MAX};
        if (now >= end || netif_receive(s->netif, s->frame, &s->info, end - now))
            return false;
        if (take_frame(s, protocol))
            return true;
    }
}

/* ---- Open and close ------------------------------------------------------------------------- */

bool station_find_host(struct station *s)
{
    struct time_limit limit = time_limit(20 * NS_PER_S);

    s->host_known = false;
    while (!s->host_known && READ_ONCE(s->netif->up) && !time_limit_reached(&limit)) {
        send_arp(s, broadcast, ARP_REQUEST);
        for (u32 i = 0; i < 20 && !s->host_known && !time_limit_reached(&limit); i++)
            station_receive(s, IP_ICMP, 2 * NS_PER_MS);
    }
    return s->host_known;
}

bool station_open(struct station *s, struct netif *n)
{
    *s = (struct station){
        .netif = n,
        .ip = {10, 0, 0, (u8)(100 + (n->mac[4] * 8 + n->mac[5]) % 150)},
        .frame = kmalloc(NETIF_FRAME_MAX),
    };
    if (!EXPECT(s->frame) || !EXPECT_EQ(netif_open(n), 0)) {
        kfree(s->frame);
        return false;
    }
    if (EXPECT(station_find_host(s)))
        return true;
    station_close(s);
    return false;
}

void station_close(struct station *s)
{
    netif_close(s->netif);
    kfree(s->frame);
}
