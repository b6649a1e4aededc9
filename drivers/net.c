/* SPDX-License-Identifier: MIT */
/*
 * How a network interface is attached and detached (drivers/net.h): the connection to its backend,
 * its properties, and suspends. The xenbus thread calls all of this, one function at a time.
 *
 * The frontend publishes Connected where a disk publishes Initialised, because Linux's netback
 * waits for that. It asks for copies into its own pages (request-rx-copy), frames in several pages
 * (feature-sg), frames of other guests of the same host without their checksum, which nothing
 * between both can have damaged, and TCP segments that were not split (feature-gso-tcpv4).
 */
#include "drivers/net.h"
#include "kernel/console.h"
#include "kernel/driver.h"
#include "kernel/irq.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "pv/pv.h"

/* How long a backend may take to send what is outstanding when it is closed or suspended. */
#define DRAIN_NS (5 * NS_PER_S)

#define MTU_DEFAULT 1500
#define MTU_MIN     68     /* RFC 791 */
#define MTU_MAX     65521u /* the protocol's longest frame is 65535 bytes */
#define NUMBERS     1000   /* of interfaces, by their names */

/* ---- Grants and lines ----------------------------------------------------------------------- */

static bool net_release(struct xenbus_device *d)
{
    struct net *n = d->data;

    return !granted_take_back(n->pages, NET_PAGES);
}

/* Grant all pages; the backend only reads what is sent. */
static int grant_all(struct net *n, u32 domain)
{
    const u32 before = n->granted_to, readable = NET_SLOTS, writable = NET_PAGES - NET_SLOTS;

    if (granted_take_back(n->pages + NET_RING_PAGES, NET_RINGS))
        return -EBUSY;
    n->granted_to = domain;
    if (granted_give_all(n->pages, readable, domain, before, PV_GRANT_READ) < readable ||
        granted_give_all(n->pages + readable, writable, domain, before, PV_GRANT_WRITE) < writable)
        return -ENOSPC;
    return 0;
}

static int line_open(struct net *n, u32 ring, u32 domain)
{
    const int line = pv_evtchn_alloc(domain);
    int error;

    if (line < 0)
        return line;
    error = irq_request((u32)line, net_interrupt, n);
    if (error)
        pv_irq_unbind((u32)line);
    else
        n->lines[ring] = (u32)line;
    return error;
}

static int lines_open(struct net *n, u32 domain)
{
    const int error = line_open(n, NET_TX, domain);

    if (!error && n->split)
        return line_open(n, NET_RX, domain);
    n->lines[NET_RX] = n->lines[NET_TX];
    return error;
}

static void lines_close(struct net *n)
{
    if (n->lines[NET_RX] == n->lines[NET_TX])
        n->lines[NET_RX] = NET_NO_LINE;
    for (u32 ring = 0; ring < NET_RINGS; ring++) {
        if (n->lines[ring] == NET_NO_LINE)
            continue;
        irq_release(n->lines[ring]);
        pv_irq_unbind(n->lines[ring]);
        n->lines[ring] = NET_NO_LINE;
    }
}

/* ---- Properties ----------------------------------------------------------------------------- */

static bool offers(const struct xenbus_device *d, const char *feature)
{
    return xenbus_backend_number(d, feature, 0) == 1;
}

static int read_address(const struct xenbus_device *d, struct netif *n)
{
    char path[XENBUS_PATH_MAX], text[24] = "";

    ksnprintf(path, sizeof(path), "%s/mac", d->path);
    if (xenstore_read(XENSTORE_NO_TRANSACTION, path, text, sizeof(text)) >= 0 &&
        net_parse_mac(text, n->mac))
        return 0;
    log_warn("net: %s: \"%s\", in %s, is not an address", n->name, text, path);
    return -EINVAL;
}

/* The toolstack's MTU is in either folder, or missing. */
static void read_mtu(const struct xenbus_device *d, struct net *n)
{
    const u64 most = n->many_parts ? MTU_MAX : (u32)PAGE_SIZE - NETIF_HEADER;
    u64 mtu = xenbus_backend_number(d, "mtu", MTU_DEFAULT);
    char path[XENBUS_PATH_MAX];

    ksnprintf(path, sizeof(path), "%s/mtu", d->path);
    xenstore_read_number(XENSTORE_NO_TRANSACTION, path, &mtu);
    if (mtu < MTU_MIN || mtu > most) {
        log_warn("net: %s: an MTU of %llu is not possible; %u is used", n->netif.name,
                 (unsigned long long)mtu, MTU_DEFAULT);
        mtu = MTU_DEFAULT;
    }
    n->netif.mtu = (u32)mtu;
}

static int read_properties(const struct xenbus_device *d, struct net *n)
{
    if (!offers(d, "feature-rx-copy")) {
        log_warn("net: %s: the backend does not copy into this machine's pages", n->netif.name);
        return -EOPNOTSUPP;
    }
    n->split = offers(d, "feature-split-event-channels");
    n->many_parts = offers(d, "feature-sg");
    n->netif.sends_blank = !offers(d, "feature-no-csum-offload");
    n->netif.sends_segments =
        n->many_parts && n->netif.sends_blank && offers(d, "feature-gso-tcpv4");
    read_mtu(d, n);
    return read_address(d, &n->netif);
}

/* ---- Connect -------------------------------------------------------------------------------- */

static int publish(u32 tx, void *arg)
{
    const struct net *n = arg;
    const struct granted_page *rings = n->pages + NET_RING_PAGES;
    const struct {
        const char *name;
        u64 value;
        bool wanted;
    } nodes[] = {
        {"tx-ring-ref", (u64)rings[NET_TX].ref, true},
        {"rx-ring-ref", (u64)rings[NET_RX].ref, true},
        {"event-channel-tx", (u64)pv_evtchn_port(n->lines[NET_TX]), n->split},
        {"event-channel-rx", (u64)pv_evtchn_port(n->lines[NET_RX]), n->split},
        {"event-channel", (u64)pv_evtchn_port(n->lines[NET_TX]), !n->split},
        {"request-rx-copy", 1, true},
        {"feature-rx-notify", 1, true},
        {"feature-sg", 1, true},
        {"feature-gso-tcpv4", 1, true},
    };
    int error = 0;

    for (u32 i = 0; i < ARRAY_SIZE(nodes) && !error; i++)
        if (nodes[i].wanted)
            error = xenbus_write(tx, n->device, nodes[i].name, nodes[i].value);
    return error;
}

static void rings_init(struct net *n)
{
    static const u32 sizes[NET_RINGS] = {sizeof(struct net_tx_request),
                                         sizeof(struct net_rx_request)};
    const u64 flags = net_lock(n);

    for (u32 ring = 0; ring < NET_RINGS; ring++)
        ring_init(&n->rings[ring], net_page(n, NET_RING_PAGES + ring), PAGE_SIZE, sizes[ring]);
    n->incoming = (struct net_frame){.nr_parts = 0};
    net_unlock(n, flags);
}

static int net_connect(struct xenbus_device *d)
{
    struct net *n = d->data;
    int error = read_properties(d, n);

    if (!error)
        error = grant_all(n, d->domain);
    if (error)
        return error;
    rings_init(n);
    error = lines_open(n, d->domain);
    return error ? error : xenstore_transaction(publish, n);
}

static void report(const struct net *n)
{
    const u8 *const m = n->netif.mac;

    log_info("net: %s: %02x:%02x:%02x:%02x:%02x:%02x, MTU %u, served by domain %u%s%s%s",
             n->netif.name, m[0], m[1], m[2], m[3], m[4], m[5], n->netif.mtu, n->granted_to,
             n->split ? "; a line for each ring" : "",
             n->netif.sends_blank ? ", checksum offload" : "",
             n->netif.sends_segments ? ", segmentation offload" : "");
}

static int net_finish(struct xenbus_device *d)
{
    struct net *n = d->data;
    u64 flags;

    if (!n->registered && !netif_register(&n->netif)) {
        log_warn("net: %s: not used, because there are %u interfaces", n->netif.name, NETIFS_MAX);
        return -ENOSPC;
    }
    n->registered = true;
    flags = net_lock(n);
    n->connected = true;
    n->held = n->expected = false;
    __atomic_add_fetch(&n->netif.ups, 1, __ATOMIC_RELAXED);
    WRITE_ONCE(n->netif.up, true);
    net_post_all(n);
    wake_all_locked(&n->queue);
    net_unlock(n, flags);
    report(n);
    return 0;
}

/* ---- Disconnect and suspend ----------------------------------------------------------------- */

/* The lock is held. */
static void connection_end(struct net *n)
{
    n->connected = n->held = false;
    net_forget_sent(n);
    wake_all_locked(&n->queue);
}

static void net_disconnect(struct xenbus_device *d, bool lost)
{
    struct net *n = d->data;
    const bool was_up = n->netif.up || n->expected;
    u64 flags;

    WRITE_ONCE(n->netif.up, false);
    if (!lost && !net_drain(n, DRAIN_NS))
        log_warn("net: %s: the backend does not finish what is outstanding", n->netif.name);
    flags = net_lock(n);
    n->expected = false;
    connection_end(n);
    net_unlock(n, flags);
    lines_close(n);
    if (was_up)
        log_info("net: %s: detached", n->netif.name);
}

/* Frames that the backend does not take before the suspend are lost, as on any network. */
static void net_hold(struct xenbus_device *d)
{
    struct net *n = d->data;
    const u64 flags = net_lock(n);

    n->held = true;
    net_unlock(n, flags);
    net_drain(n, DRAIN_NS);
}

static void net_resume(struct xenbus_device *d)
{
    struct net *n = d->data;
    const u64 flags = net_lock(n);

    n->held = false;
    wake_all_locked(&n->queue);
    net_unlock(n, flags);
}

/* The interface stays up for those who use it: what they send waits for the new backend. */
static void net_restored(struct xenbus_device *d)
{
    struct net *n = d->data;
    const u64 flags = net_lock(n);

    n->expected |= n->connected;
    connection_end(n);
    n->lines[NET_TX] = n->lines[NET_RX] = NET_NO_LINE;
    granted_forget(n->pages, NET_PAGES);
    net_unlock(n, flags);
}

/* ---- Add ------------------------------------------------------------------------------------ */

static struct net *net_new(struct xenbus_device *d)
{
    struct net *n = kzalloc(sizeof(*n));

    if (!n)
        return NULL;
    if (!granted_alloc(n->pages, NET_PAGES)) {
        kfree(n);
        return NULL;
    }
    for (u16 id = 0; id < NET_SLOTS; id++)
        n->free_ids[n->nr_free_ids++] = id;
    ksnprintf(n->netif.name, sizeof(n->netif.name), "net%u", (u32)d->number);
    n->netif.send = net_send;
    n->netif.receive = net_receive;
    n->netif.closed = net_closed;
    n->lines[NET_TX] = n->lines[NET_RX] = NET_NO_LINE;
    n->device = d;
    return n;
}

static bool net_add(struct xenbus_device *d)
{
    if (d->number >= NUMBERS) {
        log_warn("net: interface %llu is not used: its number is above %u",
                 (unsigned long long)d->number, NUMBERS - 1);
        return false;
    }
    d->data = net_new(d);
    if (!d->data)
        log_warn("net: net%u is not used: no memory", (u32)d->number);
    return d->data;
}

const struct xenbus_driver net_driver = {
    .class = "vif",
    .published = XENBUS_CONNECTED,
    .add = net_add,
    .connect = net_connect,
    .finish = net_finish,
    .disconnect = net_disconnect,
    .release = net_release,
    .hold = net_hold,
    .resume = net_resume,
    .restored = net_restored,
};

/* Written: at boot. */
static struct xenbus_class net_class = {.driver = &net_driver};

static const char *net_start(void)
{
    xenbus_register(&net_class);
    return NULL;
}

DRIVER(net, DRIVER_DEVICE, net_start);
