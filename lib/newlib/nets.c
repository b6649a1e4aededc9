/* SPDX-License-Identifier: MIT */
/* Network interfaces for programs (include/net/frames.h), by their index in the kernel's list. */
#include <errno.h>
#include <net/frames.h>
#include <pthread.h>
#include <string.h>
#include <sys/lock.h>

#include "kernel/services.h"
#include "lib/newlib/signals.h"
#include "lib/newlib/thread.h"

#define NETS_MAX 8 /* more are not used */
/* After so long a thread that waits looks whether it was signalled or cancelled. */
#define LOOK_NS 50000000

/* Guarded by lock: which a program has open. */
static struct __lock lock;
static bool is_open[NETS_MAX];

static int result(int error)
{
    if (!error)
        return 0;
    errno = -error;
    return -1;
}

static unsigned index_of(const char *name)
{
    const unsigned count = libc_nets();
    unsigned i = 0;

    while (i < count && strcmp(libc_net_name(i), name))
        i++;
    return i < count && i < NETS_MAX ? i : NETS_MAX;
}

static int open_index(unsigned index)
{
    const int error = index == NETS_MAX ? -ENODEV : libc_net_open(index);

    if (!error)
        is_open[index] = true;
    return error;
}

int net_open(const char *name)
{
    const unsigned index = index_of(name);
    int error;

    __retarget_lock_acquire(&lock);
    error = open_index(index);
    __retarget_lock_release(&lock);
    return error ? result(error) : (int)index;
}

static bool may_be_used(int net)
{
    bool may;

    if (net < 0 || net >= NETS_MAX)
        return false;
    __retarget_lock_acquire(&lock);
    may = is_open[net];
    __retarget_lock_release(&lock);
    return may;
}

int net_close(int net)
{
    bool was_open;

    if (net < 0 || net >= NETS_MAX)
        return result(-EBADF);
    __retarget_lock_acquire(&lock);
    was_open = is_open[net];
    is_open[net] = false;
    if (was_open)
        libc_net_close((unsigned)net);
    __retarget_lock_release(&lock);
    return result(was_open ? 0 : -EBADF);
}

int net_properties(int net, struct net_properties *properties)
{
    struct libc_net_properties p;

    if (!may_be_used(net))
        return result(-EBADF);
    libc_net_properties((unsigned)net, &p);
    *properties = (struct net_properties){.mtu = p.mtu,
                                          .up = p.up,
                                          .ups = p.ups,
                                          .sends_blank = p.sends_blank,
                                          .sends_segments = p.sends_segments};
    memcpy(properties->mac, p.mac, sizeof(properties->mac));
    return 0;
}

int net_send(int net, const void *bytes, const struct net_frame *frame)
{
    const struct libc_net_frame f = {(uint32_t)frame->len, (enum libc_net_checksum)frame->checksum,
                                     frame->segment};

    if (!may_be_used(net))
        return result(-EBADF);
    if (frame->len > NET_FRAME_MAX)
        return result(-EINVAL);
    return result(libc_net_send((unsigned)net, bytes, &f));
}

/* Return whether no signal and no cancellation can end a wait of this thread. */
static bool is_uninterruptible(const struct pthread *t)
{
    return t->mask == ~SIGNALS_OF_KERNEL && t->cancel_state == PTHREAD_CANCEL_DISABLE;
}

/* Receive in short waits, so that a signal or a cancellation ends them. */
static int receive(unsigned net, void *bytes, struct libc_net_frame *f, uint64_t ns)
{
    const struct pthread *t = this_pthread();
    const uint32_t before = t->interrupting;
    const uint64_t most = is_uninterruptible(t) ? ns : LOOK_NS;
    int error;

    for (;;) {
        const uint64_t part = ns < most ? ns : most;

        error = libc_net_receive(net, bytes, f, part);
        ns -= part;
        if (error != -ETIME || !ns)
            return error;
        signals_point();
        pthread_testcancel();
        if (t->interrupting != before)
            return -EINTR;
    }
}

int net_receive(int net, void *bytes, struct net_frame *frame, uint64_t ns)
{
    struct libc_net_frame f = {
        .len = (uint32_t)(frame->len < NET_FRAME_MAX ? frame->len : NET_FRAME_MAX)};
    int error;

    if (!may_be_used(net))
        return result(-EBADF);
    error = receive((unsigned)net, bytes, &f, ns);
    if (!error)
        *frame = (struct net_frame){f.len, (enum net_checksum)f.checksum, f.segment};
    return result(error);
}
