/* SPDX-License-Identifier: MIT */
/* A network interface whose backend is the test itself (test/drivers/net_peer.h). */
#include "test/drivers/net_peer.h"
#include "kernel/smp.h"
#include "lib/string.h"
#include "mm/heap.h"

#define TX  XENSTORE_NO_TRANSACTION
#define MAC "00:16:3e:77:00:01"

enum { NUMBER = 999 };

struct xenbus_device peer_device = {.driver = &net_driver,
                                    .number = NUMBER,
                                    .path = PEER_FRONT,
                                    .backend = PEER_BACK,
                                    .domain = PV_DOMAIN_SELF};

struct peer peer;

u8 *peer_frame; /* allocated once */

struct net *peer_net(void)
{
    return peer_device.data;
}

struct netif *peer_netif(void)
{
    return &peer_net()->netif;
}

void peer_offer(const char *name, const char *value)
{
    char path[64] = PEER_BACK "/";

    str_copy(path + strlen(path), name, sizeof(path) - strlen(path));
    EXPECT_EQ(xenstore_write(TX, path, value), 0);
}

bool peer_offer_all(bool features)
{
    const char *const value = features ? "1" : "0";

    xenstore_remove(TX, "data/net");
    if (!EXPECT_EQ(xenstore_mkdir(TX, PEER_BACK), 0))
        return false;
    peer_offer("feature-rx-copy", "1");
    peer_offer("feature-sg", value);
    peer_offer("feature-gso-tcpv4", value);
    peer_offer("feature-split-event-channels", value);
    EXPECT_EQ(xenstore_write(TX, PEER_FRONT "/mac", MAC), 0);
    if (!peer_frame)
        peer_frame = kmalloc(NETIF_FRAME_MAX);
    return EXPECT(peer_frame) && (peer_device.data || EXPECT(net_driver.add(&peer_device)));
}

static bool line_bind(const char *node, u32 ring)
{
    u64 port = 0;
    int line;

    if (!EXPECT_EQ(xenstore_read_number(TX, node, &port), 0))
        return false;
    line = pv_evtchn_bind(PV_DOMAIN_SELF, (u32)port);
    peer.lines[ring] = (u32)line;
    return EXPECT(line >= 0);
}

/* Do what a backend does when the frontend has published its part: bind the event channels. */
static bool backend_connect(bool split)
{
    for (u32 ring = 0; ring < NET_RINGS; ring++) {
        peer.rings[ring] = peer_net()->rings[ring].shared;
        peer.req_cons[ring] = 0;
    }
    peer.nr_lines = split ? 2 : 1;
    if (split)
        return line_bind(PEER_FRONT "/event-channel-tx", NET_TX) &&
               line_bind(PEER_FRONT "/event-channel-rx", NET_RX);
    peer.lines[NET_RX] = 0;
    if (!line_bind(PEER_FRONT "/event-channel", NET_TX))
        return false;
    peer.lines[NET_RX] = peer.lines[NET_TX];
    return true;
}

bool peer_connect(bool features)
{
    return peer_offer_all(features) && EXPECT_EQ(net_driver.connect(&peer_device), 0) &&
           backend_connect(features) && EXPECT_EQ(net_driver.finish(&peer_device), 0) &&
           EXPECT_EQ(netif_open(peer_netif()), 0);
}

void peer_lines_unbind(void)
{
    for (u32 i = 0; i < peer.nr_lines; i++)
        EXPECT_EQ(pv_irq_unbind(peer.lines[i]), 0);
}

void peer_part(void)
{
    netif_close(peer_netif());
    net_driver.disconnect(&peer_device, true);
    peer_lines_unbind();
    EXPECT(net_driver.release(&peer_device));
    EXPECT_EQ(peer_net()->pages[0].ref, GRANTED_NONE);
    EXPECT_EQ(peer_net()->nr_free_ids, NET_SLOTS);
    peer_device.broken = false;
    xenstore_remove(TX, "data/net");
}

/* ---- The backend's rings -------------------------------------------------------------------- */

void peer_respond(u32 ring, const void *response, u32 len)
{
    struct ring_shared *shared = peer.rings[ring];
    const struct ring *r = &peer_net()->rings[ring];
    const u32 prod = shared->rsp_prod;

    memcpy(shared->entries + (prod & (r->size - 1)) * r->entry_size, response, len);
    __atomic_store_n(&shared->rsp_prod, prod + 1, __ATOMIC_RELEASE);
}

void peer_notify(u32 ring)
{
    EXPECT_EQ(pv_evtchn_notify(peer.lines[ring]), 0);
}

/* Take the next request of the transmit ring, len bytes. Return false if none arrives. */
bool peer_next_sent(void *request, u32 len)
{
    struct time_limit limit = time_limit(PEER_PATIENCE_NS);
    struct ring_shared *shared = peer.rings[NET_TX];

    while (__atomic_load_n(&shared->req_prod, __ATOMIC_ACQUIRE) == peer.req_cons[NET_TX])
        if (time_limit_reached(&limit))
            return EXPECT(!"a request arrives");
        else
            sleep_until(pv_clock_ns() + NS_PER_MS);
    memcpy(request,
           shared->entries + peer.req_cons[NET_TX]++ % NET_SLOTS * sizeof(struct net_tx_request),
           len);
    return true;
}

void peer_respond_sent(u16 id, int16_t status)
{
    const struct net_tx_response r = {.id = id, .status = status};

    peer_respond(NET_TX, &r, sizeof(r));
}

/* Return the id of the next request of the receive ring, and use it up. */
u16 peer_next_posted(void)
{
    struct net_rx_request r;

    memcpy(&r, peer.rings[NET_RX]->entries + peer.req_cons[NET_RX]++ % NET_SLOTS * sizeof(r),
           sizeof(r));
    return r.id;
}

/* Fill a posted page with bytes of a value, at an offset. */
void peer_respond_data(u8 value, u16 offset, int16_t len, u16 flags)
{
    const struct net_rx_response r = {peer_next_posted(), offset, flags, len};

    if (len > 0 && offset + len <= (int)PAGE_SIZE)
        memset(net_page(peer_net(), NET_RX_PAGES + r.id) + offset, value, (size_t)len);
    peer_respond(NET_RX, &r, sizeof(r));
}

void peer_respond_extra(struct net_extra extra)
{
    peer_next_posted();
    peer_respond(NET_RX, &extra, sizeof(extra));
}

int peer_receive(struct netif_frame *info, u64 ns)
{
    *info = (struct netif_frame){.len = NETIF_FRAME_MAX};
    return netif_receive(peer_netif(), peer_frame, info, ns);
}

int peer_send(u32 len, enum netif_checksum sum, u16 segment)
{
    return netif_send(peer_netif(), peer_frame, &(struct netif_frame){len, sum, segment});
}
