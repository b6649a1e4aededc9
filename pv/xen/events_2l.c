/*
 * 2-level event channels (xen/xen.h, struct shared_info): one bit a port in two arrays of 64 words,
 * and for each vCPU a word that tells in which of them to look.
 */
#include "pv/xen/events.h"
#include "pv/xen/hypercall.h"

static u64 *word_of(xen_ulong_t *array, u32 port)
{
    return &array[port / 64];
}

static u64 bit_of(u32 port)
{
    return 1ull << port % 64;
}

static void mask(u32 port)
{
    __atomic_fetch_or(word_of(xen_shared_info->evtchn_mask, port), bit_of(port), __ATOMIC_SEQ_CST);
}

static bool is_masked(u32 port)
{
    return READ_ONCE(*word_of(xen_shared_info->evtchn_mask, port)) & bit_of(port);
}

static bool is_pending(u32 port)
{
    return READ_ONCE(*word_of(xen_shared_info->evtchn_pending, port)) & bit_of(port);
}

static void clear_pending(u32 port)
{
    __atomic_fetch_and(word_of(xen_shared_info->evtchn_pending, port), ~bit_of(port),
                       __ATOMIC_SEQ_CST);
}

/*
 * The arrays are those of all vCPUs: what is pending for another one is left to it. A handler may
 * have masked a port that was ready when the word was read.
 */
static void scan_word(struct trap_frame *frame, u32 word)
{
    u64 ready = READ_ONCE(xen_shared_info->evtchn_pending[word]) &
                ~READ_ONCE(xen_shared_info->evtchn_mask[word]);

    for (; ready; ready &= ready - 1) {
        const u32 port = word * 64 + (u32)__builtin_ctzll(ready);

        if (!xen_port_is_mine(port) || is_masked(port))
            continue;
        clear_pending(port);
        xen_event_dispatch(frame, port);
    }
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
    .scan = scan,
    .mask = mask,
    .is_masked = is_masked,
    .is_pending = is_pending,
    .clear_pending = clear_pending,
};

void event_2l_init(void)
{
    for (u32 word = 0; word < 64; word++)
        __atomic_store_n(&xen_shared_info->evtchn_mask[word], ~0ull, __ATOMIC_SEQ_CST);
}
