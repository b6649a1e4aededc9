/*
 * The interrupt flag that a PV guest sees.
 *
 * @title     pushf of a PV guest always shows IF
 * @affected  a fact of the ABI, no bug
 * @platforms xen-pv
 * @expect    4=good
 *
 * Background: a PV guest's interrupt flag is a byte in memory, the event mask. The CPU's own flag
 * is Xen's, and set whenever a guest runs.
 *
 * Mechanism: pushf does not trap, so it shows the CPU's.
 *
 * Verdicts: good: IF is set with events masked and unmasked. bad: it follows the mask.
 *
 * Cannot tell: what the frame of an exception shows, which Xen makes up from the mask.
 */
#include "repro/kit.h"
#include "pv/x86.h"

static bool interrupt_flag(void)
{
    u64 flags;

    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags));
    return flags & RFLAGS_IF;
}

REPRO("abi-pushf")
{
    bool masked, unmasked;

    kit_needs(KIT_XEN_PV);
    pv_irq_disable();
    masked = interrupt_flag();
    pv_irq_enable();
    unmasked = interrupt_flag();
    exercised();
    if (masked && unmasked)
        good("IF is set with events masked and unmasked");
    bad("IF is %d with events masked, %d with events unmasked", masked, unmasked);
}
