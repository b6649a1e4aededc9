/* SPDX-License-Identifier: MIT */
/*
 * The FIFO ABI of event channels (xen/event_channel.h; Xen 4.4's design "FIFO-based event channel
 * ABI"). Each port has a 32-bit event word: PENDING, MASKED, LINKED, and LINK, the number of the
 * next port in a queue. Each vCPU has 16 queues, one for each priority, 0 the highest.
 *
 * When a port becomes pending and is not masked, Xen sets LINKED and appends the port: it writes
 * the port's number to the LINK field of the queue's tail. If that tail has been unlinked already,
 * the queue is empty, and Xen writes the number to head[queue] of the vCPU's control block and sets
 * the queue's bit in the control block's ready word.
 *
 *   head[7] -> port 5 -LINK-> port 9 -LINK-> port 130 -LINK-> 0
 *
 * The guest takes ports off the head. It clears LINKED and LINK of a port in one step and reads
 * from LINK which port is next; from then on Xen may link the port again.
 */
#include "lib/string.h"
#include "pv/xen/events.h"
#include "pv/xen/hypercall.h"

#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(event_word_t))

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED  (1u << EVTCHN_FIFO_MASKED)
#define LINKED  (1u << EVTCHN_FIFO_LINKED)

/* Atomic: shared with Xen; both change single bits by atomic instructions. */
static event_word_t event_words[XEN_PORTS_MAX] __aligned(PAGE_SIZE);

/*
 * The alignment keeps each within a page, as Xen requires. Per CPU: only this CPU takes ports off
 * its queues, with interrupts disabled; Xen appends.
 */
static struct fifo_control {
    struct evtchn_fifo_control_block block;
    /* The next port of each queue; 0: read it from the control block, which Xen has written. */
    u32 heads[EVTCHN_FIFO_MAX_QUEUES];
} __aligned(256) fifo_controls[PV_CPUS_MAX];

static void evtchn_fifo_mask(u32 port)
{
    __atomic_fetch_or(&event_words[port], MASKED, __ATOMIC_SEQ_CST);
}

static bool evtchn_fifo_is_masked(u32 port)
{
    return READ_ONCE(event_words[port]) & MASKED;
}

static bool evtchn_fifo_clear_pending(u32 port)
{
    return READ_ONCE(event_words[port]) & PENDING &&
           __atomic_fetch_and(&event_words[port], ~PENDING, __ATOMIC_SEQ_CST) & PENDING;
}

/* Take the port off its queue. Return the port after it, or 0. Xen may link the port again. */
static u32 evtchn_fifo_unlink(u32 port)
{
    return __atomic_fetch_and(&event_words[port], ~(LINKED | (u32)EVTCHN_FIFO_LINK_MASK),
                              __ATOMIC_SEQ_CST) &
           EVTCHN_FIFO_LINK_MASK;
}

/* Deliver the queue's first port. Return whether Xen had linked another one after it. */
static bool evtchn_fifo_deliver_head(struct fifo_control *c, struct trap_frame *frame, u32 queue)
{
    u32 port = c->heads[queue];

    if (!port)
        port = __atomic_load_n(&c->block.head[queue], __ATOMIC_ACQUIRE);
    c->heads[queue] = evtchn_fifo_unlink(port);
    evtchn_deliver(frame, port);
    return c->heads[queue];
}

/* Read the ready word again after each port, because a queue of higher priority goes first. */
static void evtchn_fifo_scan(struct trap_frame *frame)
{
    struct fifo_control *c = &fifo_controls[pv_this_cpu()];
    u32 ready = 0;

    while ((ready |= __atomic_exchange_n(&c->block.ready, 0, __ATOMIC_SEQ_CST)))
        if (!evtchn_fifo_deliver_head(c, frame, (u32)__builtin_ctz(ready)))
            ready &= ready - 1;
}

const struct evtchn_ops evtchn_ops_fifo = {
    .name = "fifo",
    .nr_ports = XEN_PORTS_MAX,
    .mask = evtchn_fifo_mask,
    .is_masked = evtchn_fifo_is_masked,
    .clear_pending = evtchn_fifo_clear_pending,
    .scan = evtchn_fifo_scan,
};

static long evtchn_fifo_init_control(u32 vcpu)
{
    struct evtchn_init_control init = {
        .control_gfn = xen_variant->virt_to_gfn(&fifo_controls[vcpu]),
        .offset = (u64)&fifo_controls[vcpu] % PAGE_SIZE,
        .vcpu = vcpu,
    };

    return xen_event_channel_op(EVTCHNOP_init_control, &init);
}

static long evtchn_fifo_add_page(u32 page)
{
    struct evtchn_expand_array expand = {
        .array_gfn = xen_variant->virt_to_gfn(&event_words[page * WORDS_PER_PAGE]),
    };

    return xen_event_channel_op(EVTCHNOP_expand_array, &expand);
}

/*
 * Switch at boot, when no port is bound. With bound ports another CPU could mask or unmask one
 * between the copy of its mask bit and the switch, and that change would be lost; and Xen would
 * deliver a pending port again that this CPU just scans in the two levels.
 *
 * The switch takes place in the first init_control, so evtchn_ops changes there, not at the end.
 */
long evtchn_fifo_init(void)
{
    const u32 cpus = MIN(xen_cpu_count(), PV_CPUS_MAX);
    long rc;

    memset(fifo_controls, 0, sizeof(fifo_controls));
    for (u32 port = 0; port < XEN_PORTS_MAX; port++)
        event_words[port] = MASKED;
    rc = evtchn_fifo_init_control(0);
    if (rc)
        return rc;
    evtchn_ops = &evtchn_ops_fifo;
    for (u32 vcpu = 1; vcpu < cpus && !rc; vcpu++)
        rc = evtchn_fifo_init_control(vcpu);
    for (u32 page = 0; page < XEN_PORTS_MAX / WORDS_PER_PAGE && !rc; page++)
        rc = evtchn_fifo_add_page(page);
    return rc;
}
