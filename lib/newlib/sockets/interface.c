/* SPDX-License-Identifier: MIT */
/*
 * A network interface as one of lwIP's: Ethernet frames by <net/frames.h>.
 *
 * A thread receives. It has the core's lock while the stack takes a frame, and no lock while it
 * waits. Threads that send have the core's lock; TCP segments are batched (batch.h) until it is
 * released. TCP's checksums are left to the other side if it offers that, and so are segments.
 *
 * A network may lose frames, and so does this file: what is sent while the interface is down or
 * the other side makes no room, and what arrives when memory is short.
 */
#include "lib/newlib/sockets/interface.h"

#include <errno.h>
#include <lwip/etharp.h>
#include <lwip/sys.h>
#include <lwip/tcpip.h>
#include <net/frames.h>
#include <netif/ethernet.h>
#include <stdlib.h>
#include <string.h>

#include "lib/newlib/sockets/batch.h"

#define LOOK_NS     1000000000ull /* after so long without a frame, look at the interface's state */
#define COPIED_MAX  2048 /* a frame of at most so many bytes is copied to a smaller buffer */
#define HEADERS_MAX 134  /* Ethernet's, IP's and TCP's together at most */

/*
 * Guarded by: the core's lock, but for net, which does not change while the thread runs. stopping:
 * the thread is to end, and signals ended. Atomic: a flag.
 */
static struct {
    int net;
    struct netif *netif;
    struct net_properties properties;
    struct batch batch;
    bool stopping;
    sys_sem_t ended;
} interface;

/* ---- Sending --------------------------------------------------------------------------------- */

void interface_flush(void)
{
    struct batch *b = &interface.batch;
    struct net_frame frame = {.len = b->len};
    int error;

    if (!b->len)
        return;
    if (interface.properties.sends_blank && batch_tcp_headers(b->bytes, b->len)) {
        batch_complete(b);
        frame.checksum = NET_CHECKSUM_BLANK;
        frame.segment = b->segments > 1 ? b->segment : 0;
    }
    b->len = 0;
    error = errno;
    net_send(interface.net, b->bytes, &frame);
    errno = error; /* the caller's is about what it has asked for */
}

/* netif->linkoutput. */
static err_t interface_send(struct netif *netif, struct pbuf *p)
{
    struct batch *b = &interface.batch;
    uint8_t copy[HEADERS_MAX];
    const uint8_t *first = p->payload;
    size_t data = 0;

    (void)netif;
    if (b->len && interface.properties.sends_segments) {
        if (p->next && p->len < HEADERS_MAX)
            first =
                pbuf_get_contiguous(p, copy, sizeof(copy), LWIP_MIN(p->tot_len, HEADERS_MAX), 0);
        data = batch_fits(b, first, p->tot_len);
    }
    if (data) {
        pbuf_copy_partial(p, b->bytes + b->len, (u16_t)data, (u16_t)(p->tot_len - data));
        batch_added(b, first, data);
        return ERR_OK;
    }
    interface_flush();
    pbuf_copy_partial(p, b->bytes, p->tot_len, 0);
    batch_begin(b, p->tot_len);
    return ERR_OK;
}

/* ---- Receiving ------------------------------------------------------------------------------- */

/* A buffer of the largest frame, or what is left of it after a frame is in it. */
struct received {
    struct pbuf_custom pbuf;
    uint8_t bytes[];
};

static void received_free(struct pbuf *p)
{
    free(p);
}

/* Give back what a frame of len bytes leaves free. */
static struct received *received_shrink(struct received *r, size_t len)
{
    struct received *smaller = realloc(r, sizeof(*r) + len);

    if (!smaller)
        return r;
    return smaller;
}

/* Return a frame as one of lwIP's buffers, or NULL; *buffer is NULL if it was given away. */
static struct pbuf *received_pbuf(struct received **buffer, size_t len)
{
    struct received *r = *buffer;
    struct pbuf *p;

    if (len <= COPIED_MAX) {
        p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);
        if (p)
            memcpy(p->payload, r->bytes, len);
        return p;
    }
    *buffer = NULL;
    r = received_shrink(r, len);
    r->pbuf.custom_free_function = received_free;
    return pbuf_alloced_custom(PBUF_RAW, (u16_t)len, PBUF_REF, &r->pbuf, r->bytes, (u16_t)len);
}

/* Return which checksums the stack compares: IP's, and TCP's and UDP's unless that is needless. */
static u16_t checks_of(const struct net_frame *frame)
{
    const u16_t checks = NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_ICMP;

    return frame->checksum == NET_CHECKSUM_WHOLE
               ? checks | NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP
               : checks;
}

/* Return which checksums the stack computes: TCP's only if the other side does not. */
static u16_t gens_of(const struct net_properties *properties)
{
    const u16_t gens = NETIF_CHECKSUM_GEN_IP | NETIF_CHECKSUM_GEN_UDP | NETIF_CHECKSUM_GEN_ICMP;

    return properties->sends_blank ? gens : gens | NETIF_CHECKSUM_GEN_TCP;
}

static void interface_input(struct pbuf *p, const struct net_frame *frame)
{
    struct netif *netif = interface.netif;

    LOCK_TCPIP_CORE();
    NETIF_SET_CHECKSUM_CTRL(netif, gens_of(&interface.properties) | checks_of(frame));
    if (netif->input(p, netif) != ERR_OK)
        pbuf_free(p);
    UNLOCK_TCPIP_CORE();
}

/* The interface came up, with other properties perhaps, or went down. The core's lock is held. */
static void interface_changed(const struct net_properties *now)
{
    struct netif *netif = interface.netif;

    netif_set_link_down(netif);
    interface.properties = *now;
    memcpy(netif->hwaddr, now->mac, sizeof(now->mac));
    netif->mtu = (u16_t)now->mtu;
    NETIF_SET_CHECKSUM_CTRL(netif, gens_of(now) | NETIF_CHECKSUM_CHECK_IP);
    if (now->up)
        netif_set_link_up(netif);
}

static void interface_look(void)
{
    const struct net_properties *before = &interface.properties;
    struct net_properties now;

    net_properties(interface.net, &now);
    if (now.up == before->up && now.ups == before->ups)
        return;
    LOCK_TCPIP_CORE();
    interface_changed(&now);
    UNLOCK_TCPIP_CORE();
}

/* Receive frames until interface_stop. Without memory a frame stays with the driver, which drops
 * more. */
static void interface_receive(void *argument)
{
    struct received *buffer = NULL;

    (void)argument;
    while (!__atomic_load_n(&interface.stopping, __ATOMIC_ACQUIRE)) {
        struct net_frame frame = {.len = BATCH_MAX};
        struct pbuf *p;

        interface_look();
        if (!buffer)
            buffer = malloc(sizeof(*buffer) + BATCH_MAX);
        if (!buffer) {
            sys_msleep(10);
            continue;
        }
        if (net_receive(interface.net, buffer->bytes, &frame, LOOK_NS))
            continue;
        p = received_pbuf(&buffer, frame.len);
        if (p)
            interface_input(p, &frame);
    }
    free(buffer);
    sys_sem_signal(&interface.ended);
}

/* ---- The start ------------------------------------------------------------------------------- */

/* netif_add's init. */
static err_t interface_init(struct netif *netif)
{
    netif->name[0] = INTERFACE_NAME[0];
    netif->name[1] = INTERFACE_NAME[1];
    netif->output = etharp_output;
    netif->linkoutput = interface_send;
    netif->hwaddr_len = ETH_HWADDR_LEN;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    return ERR_OK;
}

/* Open the interface. Return its number for <net/frames.h>, or a negated errno. */
static int interface_open(const char *name)
{
    const int net = net_open(name);

    if (net >= 0)
        return net;
    return errno == ENODEV ? -ENETDOWN : -errno;
}

int interface_start(struct netif *netif, const char *name)
{
    struct net_properties properties;
    const int net = interface_open(name);

    if (net < 0)
        return -net;
    interface.batch.bytes = malloc(BATCH_MAX);
    if (!interface.batch.bytes || !netif_add_noaddr(netif, NULL, interface_init, ethernet_input)) {
        free(interface.batch.bytes);
        net_close(net);
        return ENOMEM;
    }
    interface.net = net;
    interface.netif = netif;
    interface.stopping = false;
    sys_sem_new(&interface.ended, 0);
    net_properties(net, &properties);
    interface_changed(&properties);
    netif_set_default(netif);
    netif_set_up(netif);
    if (!sys_thread_new(name, interface_receive, NULL, 0, 0)) {
        netif_remove(netif);
        net_close(net);
        free(interface.batch.bytes);
        return EAGAIN;
    }
    return 0;
}

void interface_stop(void)
{
    __atomic_store_n(&interface.stopping, true, __ATOMIC_RELEASE);
    sys_arch_sem_wait(&interface.ended, 0);
    LOCK_TCPIP_CORE();
    netif_remove(interface.netif);
    UNLOCK_TCPIP_CORE();
    net_close(interface.net);
    free(interface.batch.bytes);
}
