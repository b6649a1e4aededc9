/* SPDX-License-Identifier: MIT */
/* Network interfaces: which there are, who has the frames, what may be sent (kernel/net.h). */
#include "kernel/net.h"
#include "pv/errno.h"

/* Written: by netif_register, an element before the count. Guarded by: register_mutex. */
static struct netif *netifs[NETIFS_MAX];
static u32 count; /* Atomic: grows only */
/* Guarded by: itself. */
static struct mutex register_mutex;

bool netif_register(struct netif *n)
{
    bool fits;

    mutex_lock(&register_mutex);
    fits = count < NETIFS_MAX;
    if (fits) {
        netifs[count] = n;
        __atomic_store_n(&count, count + 1, __ATOMIC_RELEASE);
    }
    mutex_unlock(&register_mutex);
    return fits;
}

u32 netif_count(void)
{
    return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

struct netif *netif_get(u32 index)
{
    return netifs[index];
}

int netif_open(struct netif *n)
{
    return __atomic_exchange_n(&n->open, true, __ATOMIC_ACQUIRE) ? -EBUSY : 0;
}

void netif_close(struct netif *n)
{
    __atomic_store_n(&n->open, false, __ATOMIC_RELEASE);
    n->closed(n);
}

static bool may_be_sent(const struct netif *n, const struct netif_frame *f)
{
    if (f->len < NETIF_HEADER || (f->sum == NETIF_CHECKSUM_BLANK && !n->sends_blank))
        return false;
    if (!f->segment)
        return f->len - NETIF_HEADER <= n->mtu;
    return n->sends_segments && f->sum == NETIF_CHECKSUM_BLANK && f->segment <= n->mtu &&
           f->len <= 0xffff;
}

int netif_send(struct netif *n, const void *bytes, const struct netif_frame *frame)
{
    if (!READ_ONCE(n->up))
        return -ENXIO;
    return may_be_sent(n, frame) ? n->send(n, bytes, frame) : -EINVAL;
}

int netif_receive(struct netif *n, void *bytes, struct netif_frame *frame, u64 ns)
{
    return n->receive(n, bytes, frame, ns);
}
