/*
 * 2-level event channels (xen/xen.h, struct shared_info): one bit a port in two arrays of 64 words,
 * and for each vCPU a word that tells in which of them to look.
 */
#include "lib/string.h"
#include "pv/xen/events.h"
#include <xen/event_channel.h>

/* The arrays are those of all vCPUs: what is pending for another one is left to it. */
static void scan_word(struct trap_frame *frame, u32 word)
{
    u64 ready = READ_ONCE(xen_shared_info->evtchn_pending[word]) &
                ~READ_ONCE(xen_shared_info->evtchn_mask[word]);

    for (; ready; ready &= ready - 1)
        xen_event_deliver(frame, word * 64 + (u32)__builtin_ctzll(ready));
}

static void scan(struct trap_frame *frame)
{
    u64 words = __atomic_exchange_n(&xen_vcpu_info()->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);

    for (; words; words &= words - 1)
        scan_word(frame, (u32)__builtin_ctzll(words));
}

const struct event_abi event_abi_2l = {
    .name = "2l",
    .ports = EVTCHN_2L_NR_CHANNELS,
    .pending = {.words = (u32 *)xen_shared_info->evtchn_pending, .stride = 1},
    .masked = {.words = (u32 *)xen_shared_info->evtchn_mask, .stride = 1},
    .scan = scan,
};

void event_2l_init(void)
{
    event_abi = &event_abi_2l;
    memset(xen_shared_info->evtchn_mask, 0xff, sizeof(xen_shared_info->evtchn_mask));
}
