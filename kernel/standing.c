/* SPDX-License-Identifier: MIT */
/* The thread of a standing request (kernel/standing.h). */
#include "kernel/standing.h"
#include "lib/string.h"

#define NAP_NS (20 * NS_PER_MS)

static void nap_until_changed(const struct standing_request *r, u64 end)
{
    while (!READ_ONCE(r->changed) && pv_clock_ns() < end)
        sleep_until(pv_clock_ns() + NAP_NS);
}

/* changed is cleared before apply reads the request, so a change during apply is not lost. */
static void standing_run(void *arg)
{
    struct standing_request *r = arg;

    for (;;) {
        wait_until(&r->queue, READ_ONCE(r->changed));
        __atomic_store_n(&r->changed, false, __ATOMIC_SEQ_CST);
        while (!r->apply()) {
            nap_until_changed(r, pv_clock_ns() + STANDING_RETRY_NS);
            __atomic_store_n(&r->changed, false, __ATOMIC_SEQ_CST);
        }
    }
}

int standing_request_changed(struct standing_request *r)
{
    u64 flags;

    if (!__atomic_exchange_n(&r->started, true, __ATOMIC_SEQ_CST) &&
        !thread_start(r->name, 0, standing_run, r)) {
        WRITE_ONCE(r->started, false);
        return -ENOMEM;
    }
    flags = spin_lock_irqsave(&r->queue.lock);
    WRITE_ONCE(r->changed, true);
    wake_all_locked(&r->queue);
    spin_unlock_irqrestore(&r->queue.lock, flags);
    return 0;
}
