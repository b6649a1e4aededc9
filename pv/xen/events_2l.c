/* SPDX-License-Identifier: MIT */
/*
 * The 2-level ABI of event channels (xen/xen.h, struct shared_info): two arrays of 64 words with
 * one bit a port, evtchn_pending and evtchn_mask, which all vCPUs of the domain share, and for each
 * vCPU a selector word, evtchn_pending_sel. Bit n of the selector says that word n of the arrays
 * has a port to look at.
 *
 *   port 130 = word 2, bit 2:   evtchn_pending[2] bit 2   and   evtchn_pending_sel bit 2
 */
#include "lib/string.h"
#include "pv/xen/events.h"

enum {
    WORD_BITS = 64,
};

static u64 port_bit(u32 port)
{
    return 1ull << port % WORD_BITS;
}

static void evtchn_2l_mask(u32 port)
{
    __atomic_fetch_or(&xen_shared_info->evtchn_mask[port / WORD_BITS], port_bit(port),
                      __ATOMIC_SEQ_CST);
}

static bool evtchn_2l_is_masked(u32 port)
{
    return READ_ONCE(xen_shared_info->evtchn_mask[port / WORD_BITS]) & port_bit(port);
}

static bool evtchn_2l_clear_pending(u32 port)
{
    xen_ulong_t *const word = &xen_shared_info->evtchn_pending[port / WORD_BITS];
    const u64 bit = port_bit(port);

    return READ_ONCE(*word) & bit && __atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST) & bit;
}

/* A word may have pending ports of other vCPUs as well; evtchn_deliver leaves those to them. */
static void scan_word(struct trap_frame *frame, u32 word)
{
    u64 ready = READ_ONCE(xen_shared_info->evtchn_pending[word]) &
                ~READ_ONCE(xen_shared_info->evtchn_mask[word]);

    for (; ready; ready &= ready - 1)
        evtchn_deliver(frame, word * WORD_BITS + (u32)__builtin_ctzll(ready));
}

/*
 * Take the selector as a whole, then scan its words. Xen sets a port's pending bit before the
 * selector's bit, so a port that this scan misses has its selector bit set again.
 */
static void evtchn_2l_scan(struct trap_frame *frame)
{
    u64 words = __atomic_exchange_n(&xen_vcpu_info()->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);

    for (; words; words &= words - 1)
        scan_word(frame, (u32)__builtin_ctzll(words));
}

const struct evtchn_ops evtchn_ops_2l = {
    .name = "2l",
    .nr_ports = EVTCHN_2L_NR_CHANNELS,
    .mask = evtchn_2l_mask,
    .is_masked = evtchn_2l_is_masked,
    .clear_pending = evtchn_2l_clear_pending,
    .scan = evtchn_2l_scan,
};

void evtchn_2l_init(void)
{
    evtchn_ops = &evtchn_ops_2l;
    memset(xen_shared_info->evtchn_mask, 0xff, sizeof(xen_shared_info->evtchn_mask));
}
