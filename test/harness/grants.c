/* SPDX-License-Identifier: MIT */
/* Places for grants: see test/harness/grants.h. */
#include "test/harness/grants.h"
#include "kernel/time.h"

static s64 adjust_one(pfn_t pfn, bool give)
{
    s64 adjusted = 0;

    INTERRUPTS_OFF
    adjusted = pv_balloon_adjust(pfn, 1, give);
    return adjusted;
}

pfn_t grant_place_open(void)
{
    const pfn_t pfn = frame_alloc(0, 0, FRAME_KERNEL);

    if (!EXPECT(pfn.n != NO_PFN))
        return PFN_INVALID;
    if (EXPECT_EQ(adjust_one(pfn, true), 1))
        return pfn;
    frame_free(pfn, 0);
    return PFN_INVALID;
}

/* The hypervisor may have memory again only later. */
void grant_place_close(pfn_t pfn)
{
    struct time_limit limit = time_limit(5 * NS_PER_S);
    s64 taken = adjust_one(pfn, false);

    while (!taken && !time_limit_reached(&limit))
        taken = adjust_one(pfn, false);
    if (EXPECT_EQ(taken, 1))
        frame_free(pfn, 0);
}

int grant_to_self(pfn_t pfn, enum pv_grant_kind kind)
{
    const int ref = pv_grant_access(PV_DOMAIN_SELF, pfn, kind);

    EXPECT(ref >= 8);
    return ref;
}

int grant_map_own(int ref, bool readonly, pfn_t place)
{
    const struct pv_grant_map map = {
        .domain = PV_DOMAIN_SELF, .ref = (u32)ref, .readonly = readonly, .pfn = place};

    return pv_grant_map(&map);
}
