/*
 * FIFO event channels (xen/event_channel.h; "Event Channel FIFO" design of Xen 4.4): a 32-bit word
 * a port, and 16 queues a vCPU, one for each priority. Xen links a port that becomes pending to the
 * tail of its queue through the words' LINK fields; the guest takes ports off the head. The control
 * block tells which queues are not empty and, for an empty one that became so no more, where it
 * begins.
 */
#include "lib/string.h"
#include "pv/xen/events.h"
#include "pv/xen/hypercall.h"

#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(event_word_t))

#define MASKED (1u << EVTCHN_FIFO_MASKED)
#define LINKED (1u << EVTCHN_FIFO_LINKED)

/* Atomic: shared with Xen, changed bit by bit by atomic instructions. */
static event_word_t words[XEN_PORTS_MAX] __aligned(PAGE_SIZE);

/*
 * Aligned so that none crosses a page. Per CPU: only this CPU takes ports off its queues, with
 * interrupts disabled; Xen adds.
 */
static struct control {
    struct evtchn_fifo_control_block block;
    /* The next port of each queue, 0 if it lies in the control block. */
    u32 heads[EVTCHN_FIFO_MAX_QUEUES];
} __aligned(256) controls[PV_CPUS_MAX];

/* Takes the port off its queue, and returns the one behind it. Xen may link it again at once. */
static u32 unlink_port(u32 port)
{
    return __atomic_fetch_and(&words[port], ~(LINKED | (u32)EVTCHN_FIFO_LINK_MASK),
                              __ATOMIC_SEQ_CST) &
           EVTCHN_FIFO_LINK_MASK;
}

/* One port of the queue; false if that was the last one that Xen had linked. */
static bool consume(struct control *c, struct trap_frame *frame, u32 queue)
{
    u32 port = c->heads[queue];

    if (!port)
        port = __atomic_load_n(&c->block.head[queue], __ATOMIC_ACQUIRE);
    c->heads[queue] = unlink_port(port);
    xen_event_deliver(frame, port);
    return c->heads[queue];
}

/* After each port, what became ready in a queue of higher priority goes first. */
static void scan(struct trap_frame *frame)
{
    struct control *c = &controls[pv_this_cpu()];
    u32 ready = 0;

    while ((ready |= __atomic_exchange_n(&c->block.ready, 0, __ATOMIC_SEQ_CST)))
        if (!consume(c, frame, (u32)__builtin_ctz(ready)))
            ready &= ready - 1;
}

const struct event_abi event_abi_fifo = {
    .name = "fifo",
    .ports = XEN_PORTS_MAX,
    .pending = {words, 32, EVTCHN_FIFO_PENDING},
    .masked = {words, 32, EVTCHN_FIFO_MASKED},
    .scan = scan,
};

static long init_control(u32 vcpu)
{
    struct evtchn_init_control init = {
        .control_gfn = xen_variant->virt_to_gfn(&controls[vcpu]),
        .offset = (u64)&controls[vcpu] % PAGE_SIZE,
        .vcpu = vcpu,
    };

    return xen_event_channel_op(EVTCHNOP_init_control, &init);
}

static long add_page(u32 page)
{
    struct evtchn_expand_array expand = {xen_variant->virt_to_gfn(words + page * WORDS_PER_PAGE)};

    return xen_event_channel_op(EVTCHNOP_expand_array, &expand);
}

/*
 * Ports that are bound already would lose a mask or an unmask that another CPU makes between the
 * copy of their masks and the switch, and Xen would deliver twice what is pending while that CPU
 * scans the two levels. So the switch is made at boot, when no port is bound.
 */
long event_fifo_init(void)
{
    const u32 cpus = MIN(xen_cpu_count(), PV_CPUS_MAX);
    long rc;

    memset(controls, 0, sizeof(controls));
    for (u32 port = 0; port < XEN_PORTS_MAX; port++)
        words[port] = MASKED;
    rc = init_control(0);
    if (rc)
        return rc;
    event_abi = &event_abi_fifo;
    for (u32 vcpu = 1; vcpu < cpus && !rc; vcpu++)
        rc = init_control(vcpu);
    for (u32 page = 0; page < XEN_PORTS_MAX / WORDS_PER_PAGE && !rc; page++)
        rc = add_page(page);
    return rc;
}
