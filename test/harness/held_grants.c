/* SPDX-License-Identifier: MIT */
/* Grants across a suspend: see test/harness/grants.h. */
#include "test/harness/grants.h"
#include "test/harness/lines.h"

enum { HELD = 700 };

static u32 refs[HELD];
static pfn_t frame, to;
static u32 offer; /* a line that another end can be bound to */

/* Return whether a copy of the granted frame's mark succeeds. */
static bool is_reached(u32 ref)
{
    struct pv_grant_copy copy = {
        .from = {.is_grant = true, .domain = PV_DOMAIN_SELF, .ref = ref},
        .to = {.pfn = to},
        .len = sizeof(u64),
    };

    *frame_word(to) = 0;
    return pv_grant_copy(&copy, 1) == 1 && *frame_word(to) == 0x4c4c;
}

static bool grant_all(void)
{
    bool granted = true;

    for (u32 i = 0; i < HELD; i++) {
        const int ref = pv_grant_access(PV_DOMAIN_SELF, frame, PV_GRANT_READ);

        granted &= ref >= 8;
        refs[i] = (u32)ref;
    }
    return granted && is_reached(refs[0]) && is_reached(refs[HELD - 1]);
}

/* End all grants. Return whether each end has this result. */
static bool end_all(int result)
{
    bool all = true;

    for (u32 i = 0; i < HELD; i++)
        all &= pv_grant_end(refs[i]) == result;
    return all;
}

/* Return whether a channel of which this line is one end delivers to the other. */
static bool channel_works(u32 line)
{
    const u64 before = irq_counts.unexpected;
    const int peer = pv_evtchn_bind(PV_DOMAIN_SELF, (u32)pv_evtchn_port(line));
    struct time_limit limit = time_limit(10 * NS_PER_S);

    if (peer < 0 || pv_irq_unmask(line) || pv_evtchn_notify((u32)peer))
        return false;
    while (irq_counts.unexpected == before && !time_limit_reached(&limit))
        barrier();
    return irq_counts.unexpected == before + 1 && !pv_irq_unbind((u32)peer) && !pv_irq_unbind(line);
}

bool held_grants_begin(void)
{
    const int line = pv_evtchn_alloc(PV_DOMAIN_SELF);

    frame = marked_frame(0x4c4c);
    to = marked_frame(0);
    offer = (u32)line;
    return line >= 0 && frame.n != NO_PFN && to.n != NO_PFN && grant_all();
}

bool held_grants_check(bool cancelled)
{
    bool right;

    if (cancelled) {
        right = is_reached(refs[0]) && is_reached(refs[HELD - 1]) && end_all(0);
    } else {
        right = end_all(-EINVAL) && pv_irq_unbind(offer) == -EINVAL;
        offer = (u32)pv_evtchn_alloc(PV_DOMAIN_SELF);
        right &= grant_all() && end_all(0);
    }
    right &= channel_works(offer);
    frame_free(frame, 0);
    frame_free(to, 0);
    return right;
}
