/* SPDX-License-Identifier: MIT */
/*
 * Helpers for tests of grants (pv/ops/grant.def). The tests play both domains: this guest grants
 * its own frames to itself and maps them, which needs no other guest. On PVH Xen then moves the
 * frame to the place where it is mapped (the contract of grant_map), so only one of the two shows
 * it at a time.
 */
#ifndef TEST_HARNESS_GRANTS_H
#define TEST_HARNESS_GRANTS_H

#include "test/harness/mm_util.h"

/* Skip a test on a platform that has no other guests; the op must say so, too. */
#define NEEDS_GRANTS \
    if (!on_xen()) { \
        EXPECT_EQ(pv_grant_end(8), -ENODEV); \
        SKIP("no hypervisor with grant tables"); \
    } else \
        (void)0

/* A frame without memory, in whose place a grant can be mapped. NO_PFN, and a failure, if none. */
pfn_t grant_place_open(void);
/* Give the frame its memory back, and free it. */
void grant_place_close(pfn_t pfn);

/* Grant a frame to this guest itself. Return the reference, or an error with a failure. */
int grant_to_self(pfn_t pfn, enum pv_grant_kind kind);

/* Map a grant of this guest's own at a place. Return the handle, or an error. */
int grant_map_own(int ref, bool readonly, pfn_t place);

/* Return whether a grant of this guest's own, once mapped, is at its place only. */
static inline bool grant_map_moves(void)
{
    return !on_xen_pv();
}

/*
 * Grants and a channel that are held across a suspend: more grants than one frame of the table has.
 * begin makes them; check returns whether they are as the contract says, after a suspend that was
 * cancelled (all work) or a restore (all are gone, and new ones work), and ends them.
 */
bool held_grants_begin(void);
bool held_grants_check(bool cancelled);

static inline volatile u64 *frame_word(pfn_t pfn)
{
    return pfn_to_va(pfn);
}

#endif
