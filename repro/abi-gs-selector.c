/* SPDX-License-Identifier: MIT */
/*
 * A GS selector that cannot be loaded, by hypercall.
 *
 * @title     set_segment_base with a bad GS selector returns 0 and loads null
 * @affected  a fact of the ABI, no bug
 * @platforms xen-pv
 * @expect    4=good
 *
 * Background: a PV guest loads user mode's GS selector by set_segment_base (SEGBASE_GS_USER_SEL).
 *
 * Mechanism: Xen loads it, catches the fault, and loads the null selector instead; the result is 0
 * all the same. A good selector is loaded first, so that null is not what was there before.
 *
 * Verdicts: good: the result is 0 and %gs is null. bad: an error, or another selector.
 *
 * Cannot tell: nothing known.
 */
#include "pv/selectors.h"
#include "repro/kit.h"

#define NO_SUCH_SELECTOR (500 * 8 + 3)

static u16 read_gs(void)
{
    u16 gs;

    __asm__ volatile("mov %%gs, %0" : "=r"(gs));
    return gs;
}

REPRO("abi-gs-selector")
{
    u16 gs;
    long result = KIT_NOT_MADE;

    kit_needs(KIT_XEN_PV);
    MUST(hc_set_segment_base(SEGBASE_GS_USER_SEL, USER_DS));
    if (read_gs() != USER_DS)
        cannot_tell("a good selector was not loaded: %%gs is 0x%x", read_gs());
    STEP result = hc_set_segment_base(SEGBASE_GS_USER_SEL, NO_SUCH_SELECTOR);
    gs = read_gs();
    EVIDENCE(result != KIT_NOT_MADE);
    if (!result && !(gs & ~3))
        good("result 0, %%gs is null");
    bad("result %ld, %%gs is 0x%x", result, gs);
}
