/* SPDX-License-Identifier: MIT */
/*
 * The interrupt flag that a PV guest sees.
 *
 * @title     pushf of a PV guest always shows IF
 * @affected  a fact of the ABI, no bug
 * @platforms xen-pv
 * @expect    4=good
 * @control   none: pushf does not trap, so nothing that Xen does shows in it
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

static u64 read_flags(void)
{
    u64 flags = 0;

    STEP __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags));
    return flags;
}

REPRO("abi-pushf")
{
    u64 masked, unmasked;

    kit_needs(KIT_XEN_PV);
    pv_irq_disable();
    masked = read_flags();
    pv_irq_enable();
    unmasked = read_flags();
    EVIDENCE(masked & unmasked & RFLAGS_FIXED);
    if (masked & unmasked & RFLAGS_IF)
        good("IF is set with events masked and unmasked");
    bad("flags 0x%llx with events masked, 0x%llx with events unmasked", (unsigned long long)masked,
        (unsigned long long)unmasked);
}
