/* SPDX-License-Identifier: MIT */
/*
 * A page moved to where it is: XENMAPSPACE_gmfn onto itself.
 *
 * @title     XENMAPSPACE_gmfn of a page onto itself loses the page
 * @affected  Xen 4.14 and before; fixed by ba45ae4d7f
 * @platforms xen-pvh
 * @expect    4.14=bad 4.17=good 4.20=good
 *
 * Background: XENMEM_add_to_physmap with XENMAPSPACE_gmfn moves a frame of the guest to another
 * place in its address space. The frame that was at the target is freed.
 *
 * Mechanism: xenmem_add_to_physmap_one() in Xen (arch/x86/mm.c in 4.14, arch/x86/mm/p2m.c since)
 * frees the frame at the target, by guest_remove_page(), before it maps the moved frame there. If
 * source and target are the same, it frees the frame that it is about to map. The call's result may
 * be 0 or an error, so the repro compares the page's contents. It first moves the page to another
 * place, which has to keep the contents on every version.
 *
 * Verdicts: good if the page has its contents after the move onto itself. bad if they are lost.
 *
 * Cannot tell: if the first move loses the contents, because then the second proves nothing.
 */
#include "repro/kit.h"

#define CONTENTS 0x5eed

static long move_frame(u64 from, u64 to)
{
    struct xen_add_to_physmap map = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn, .idx = from, .gpfn = to};

    return hc_memory_op(XENMEM_add_to_physmap, &map);
}

REPRO("gmfn-onto-itself")
{
    u64 *from = kit_page(), *to = kit_page();
    long result = KIT_NOT_MADE;

    kit_needs(KIT_XEN_PVH);
    *from = CONTENTS;
    MUST(move_frame(kit_gfn(from), kit_gfn(to)));
    if (READ_ONCE(*to) != CONTENTS)
        cannot_tell("a move to another place loses the contents");
    STEP result = move_frame(kit_gfn(to), kit_gfn(to));
    EVIDENCE(result != KIT_NOT_MADE);
    if (READ_ONCE(*to) == CONTENTS)
        good("result %ld, and the page is as it was", result);
    bad("result %ld, and the page is lost", result);
}
