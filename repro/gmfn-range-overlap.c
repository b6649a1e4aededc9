/* SPDX-License-Identifier: MIT */
/*
 * Pages moved to where some of them are now: XENMAPSPACE_gmfn_range with overlap.
 *
 * @title     XENMAPSPACE_gmfn_range upwards onto itself loses pages
 * @affected  Xen before 4.20; fixed by 7acc7dd36b
 * @platforms xen-pvh
 * @expect    4.14=bad 4.17.5=bad 4.17.7=bad 4.20=good
 *
 * Background: XENMEM_add_to_physmap with XENMAPSPACE_gmfn_range moves a range of the guest's frames
 * to another place in its address space. The frames that were at the target are freed.
 *
 * Mechanism: xenmem_add_to_physmap() in Xen (common/memory.c) moves frame after frame, upwards. If
 * the target overlaps the source and is above it, the first move frees a frame that is still to be
 * moved, and moves the first one there; the next step moves that one again. The call returns 0, so
 * the repro compares contents. It moves three pages by one page: down first, which the same loop
 * does correctly, then up.
 *
 * Verdicts: good if all three pages have their contents after the move up. bad if one does not.
 *
 * Cannot tell: if the move down loses a page. Not tried: a call that Xen preempts and continues.
 */
#include "repro/kit.h"

#define COUNT 3

static bool moves(u32 from, u32 to)
{
    u64 *page = kit_pages(COUNT + 1);
    struct xen_add_to_physmap map = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_range, .size = COUNT};
    long result = KIT_NOT_MADE;
    bool right = true;

    for (u32 i = 0; i < COUNT; i++)
        page[(from + i) * 512] = 0x1000 + i;
    map.idx = kit_gfn(page) + from;
    map.gpfn = kit_gfn(page) + to;
    STEP result = hc_memory_op(XENMEM_add_to_physmap, &map);
    MUST(result);
    for (u32 i = 0; i < COUNT; i++)
        right = right && READ_ONCE(page[(to + i) * 512]) == 0x1000 + i;
    return right;
}

REPRO("gmfn-range-overlap")
{
    bool right;

    kit_needs(KIT_XEN_PVH);
    if (!moves(1, 0))
        cannot_tell("the move down by one is wrong already");
    right = moves(0, 1);
    exercised();
    if (right)
        good("three pages moved up by one are all there");
    bad("of three pages moved up by one, some are lost");
}
