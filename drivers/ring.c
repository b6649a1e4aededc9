/* SPDX-License-Identifier: MIT */
/* The frontend's side of a ring (drivers/ring.h). */
#include "drivers/ring.h"
#include "lib/string.h"
#include "pv/errno.h"

_Static_assert(offsetof(struct ring_shared, entries) == 64, "as Xen has it");

static u32 power_of_two_below(u32 n)
{
    u32 power = 1;

    while (power * 2 <= n)
        power *= 2;
    return power;
}

static void *entry_at(const struct ring *r, u32 index)
{
    return r->shared->entries + (index & (r->size - 1)) * r->entry_size;
}

void ring_init(struct ring *r, void *pages, u32 bytes, u32 entry_size)
{
    struct ring_shared *const shared = pages;

    memset(shared, 0, sizeof(*shared));
    shared->req_event = shared->rsp_event = 1;
    *r = (struct ring){
        .shared = shared,
        .size = power_of_two_below((bytes - (u32)sizeof(*shared)) / entry_size),
        .entry_size = entry_size,
    };
}

void ring_add(struct ring *r, const void *request, u32 len)
{
    memcpy(entry_at(r, r->filled), request, len);
    r->filled++;
}

/* The backend reads req_prod after it has written req_event; so one of both sides sees the other.
 */
bool ring_publish(struct ring *r)
{
    const u32 old = r->published;

    r->published = r->filled;
    __atomic_store_n(&r->shared->req_prod, r->filled, __ATOMIC_SEQ_CST);
    return r->filled - __atomic_load_n(&r->shared->req_event, __ATOMIC_SEQ_CST) < r->filled - old;
}

int ring_take(struct ring *r, void *response, u32 len)
{
    const u32 there = __atomic_load_n(&r->shared->rsp_prod, __ATOMIC_ACQUIRE) - r->rsp_cons;

    if (there > r->published - r->rsp_cons)
        return -EIO;
    if (!there)
        return 0;
    memcpy(response, entry_at(r, r->rsp_cons), len);
    barrier(); /* the caller checks the copy, not what the backend may change */
    r->rsp_cons++;
    return 1;
}

bool ring_rearm(struct ring *r)
{
    __atomic_store_n(&r->shared->rsp_event, r->rsp_cons + 1, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&r->shared->rsp_prod, __ATOMIC_SEQ_CST) != r->rsp_cons;
}
