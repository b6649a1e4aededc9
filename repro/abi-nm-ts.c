/* SPDX-License-Identifier: MIT */
/*
 * CR0.TS when #NM arrives at a PV kernel.
 *
 * @title     #NM of a PV guest arrives with TS already clear
 * @affected  a fact of the ABI, no bug
 * @platforms xen-pv
 * @expect    4=good
 *
 * Background: natively the handler of #NM has to clear CR0.TS before it can use the FPU.
 *
 * Mechanism: Xen needs #NM itself, to restore the FPU lazily, and clears TS before it hands the
 * exception on.
 *
 * Verdicts: good: #NM came, TS is clear afterwards. bad: no #NM, or TS is still set.
 *
 * Cannot tell: nothing known.
 */
#include "repro/kit.h"
#include "pv/x86.h"

REPRO("abi-nm-ts")
{
    struct fault fault;
    bool passed = false;
    u64 before, after;

    kit_needs(KIT_XEN_PV);
    MUST(hc_fpu_taskswitch(1));
    __asm__ volatile("mov %%cr0, %0" : "=r"(before));
    PV_TRY(fault)
    STEP __asm__ volatile("fnop\n\tmovb $1, %0" : "=m"(passed));
    __asm__ volatile("mov %%cr0, %0" : "=r"(after));
    if (!(before & CR0_TS))
        cannot_tell("CR0.TS could not be set");
    EVIDENCE(passed || fault.caught);
    if (fault.caught && fault.vector == VECTOR_NM && !(after & CR0_TS))
        good("#NM came, and TS is clear");
    bad("%s, CR0 0x%llx", kit_fault_text(&fault), (unsigned long long)after);
}
