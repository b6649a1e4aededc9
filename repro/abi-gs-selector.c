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
 * Mechanism: Xen loads it, catches the fault, and loads the null selector instead; the result does
 * not tell.
 *
 * Verdicts: good: the result is 0 and %gs is null. bad: an error, or another selector.
 *
 * Cannot tell: nothing known.
 */
#include "repro/kit.h"

#define NO_SUCH_SELECTOR (500 * 8 + 3)

REPRO("abi-gs-selector")
{
    u16 gs;
    long result;

    kit_needs(KIT_XEN_PV);
    result = hc_set_segment_base(SEGBASE_GS_USER_SEL, NO_SUCH_SELECTOR);
    __asm__ volatile("mov %%gs, %0" : "=r"(gs));
    exercised();
    if (!result && !(gs & ~3))
        good("result 0, %%gs is null");
    bad("result %ld, %%gs is 0x%x", result, gs);
}
