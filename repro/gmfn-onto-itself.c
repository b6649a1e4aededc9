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
 * place in its address space. What was there is freed.
 *
 * Mechanism: Xen frees what is at the target before it maps the frame there. If both are the same
 * place, it frees the frame itself. The result of the call is an error or 0, so contents are
 * compared.
 *
 * Verdicts: good: the page still has its contents. bad: they are lost. A move to another place has
 * to keep them too, which is looked at first.
 *
 * Cannot tell: nothing known.
 */
#include "repro/kit.h"

#define CONTENTS 0x5eed

static long move(u64 from, u64 to)
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
    MUST(move(kit_gfn(from), kit_gfn(to)));
    if (READ_ONCE(*to) != CONTENTS)
        cannot_tell("a move to another place loses the contents");
    STEP result = move(kit_gfn(to), kit_gfn(to));
    EVIDENCE(result != KIT_NOT_MADE);
    if (READ_ONCE(*to) == CONTENTS)
        good("result %ld, and the page is as it was", result);
    bad("result %ld, and the page is lost", result);
}
