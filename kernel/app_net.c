/* SPDX-License-Identifier: MIT */
/* Network interfaces for programs: services on kernel/net.h. Their error numbers are newlib's, too.
 */
#include "kernel/net.h"
#include "kernel/services.h"
#include "lib/string.h"

_Static_assert((int)LIBC_NET_CHECKSUM_WHOLE == (int)NETIF_CHECKSUM_WHOLE &&
                   (int)LIBC_NET_CHECKSUM_VALID == (int)NETIF_CHECKSUM_VALID &&
                   (int)LIBC_NET_CHECKSUM_BLANK == (int)NETIF_CHECKSUM_BLANK,
               "the same values");

unsigned libc_nets(void)
{
    return netif_count();
}

const char *libc_net_name(unsigned index)
{
    return netif_get(index)->name;
}

void libc_net_properties(unsigned index, struct libc_net_properties *p)
{
    const struct netif *n = netif_get(index);

    memcpy(p->mac, n->mac, sizeof(p->mac));
    p->up = READ_ONCE(n->up);
    p->sends_blank = n->sends_blank;
    p->sends_segments = n->sends_segments;
    p->mtu = n->mtu;
    p->ups = READ_ONCE(n->ups);
}

int libc_net_open(unsigned index)
{
    return netif_open(netif_get(index));
}

void libc_net_close(unsigned index)
{
    netif_close(netif_get(index));
}

int libc_net_send(unsigned index, const void *bytes, const struct libc_net_frame *frame)
{
    const struct netif_frame f = {frame->len, (enum netif_checksum)frame->checksum, frame->segment};

    return netif_send(netif_get(index), bytes, &f);
}

int libc_net_receive(unsigned index, void *bytes, struct libc_net_frame *frame, uint64_t ns)
{
    struct netif_frame f = {.len = frame->len};
    const int error = netif_receive(netif_get(index), bytes, &f, ns);

    if (!error)
        *frame = (struct libc_net_frame){f.len, (enum libc_net_checksum)f.sum, f.segment};
    return error;
}
