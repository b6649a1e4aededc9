/* SPDX-License-Identifier: MIT */
/* A network interface that receives what it sends (test/harness/loop_net.h). */
#include "test/harness/loop_net.h"
#include "kernel/net.h"
#include "lib/string.h"
#include "pv/errno.h"
#include "pv/pv.h"

static struct {
    u8 bytes[2048];
    struct netif_frame frame;
    bool full;
} kept;

static int loop_send(struct netif *n, const void *bytes, const struct netif_frame *frame)
{
    (void)n;
    if (frame->len > sizeof(kept.bytes))
        return -EINVAL;
    memcpy(kept.bytes, bytes, frame->len);
    kept.frame = *frame;
    __atomic_store_n(&kept.full, true, __ATOMIC_RELEASE);
    return 0;
}

static int loop_receive(struct netif *n, void *bytes, struct netif_frame *frame, u64 ns)
{
    (void)n;
    if (!__atomic_load_n(&kept.full, __ATOMIC_ACQUIRE)) {
        sleep_until(pv_clock_ns() + ns);
        return -ETIME;
    }
    kept.full = false;
    if (kept.frame.len > frame->len)
        return -E2BIG;
    memcpy(bytes, kept.bytes, kept.frame.len);
    *frame = kept.frame;
    return 0;
}

static void loop_closed(struct netif *n)
{
    (void)n;
    kept.full = false;
}

static struct netif loop = {
    .name = LOOP_NET_NAME,
    .mac = {2, 0, 0, 0, 0, 7},
    .mtu = 1500,
    .sends_blank = true,
    .sends_segments = true,
    .send = loop_send,
    .receive = loop_receive,
    .closed = loop_closed,
};

void loop_net_attach(void)
{
    static bool registered;

    if (!registered)
        registered = netif_register(&loop);
    loop.up = registered;
    loop.ups++;
}

void loop_net_detach(void)
{
    loop.up = false;
}

void loop_net_set_mtu(unsigned mtu)
{
    loop.mtu = mtu;
}
