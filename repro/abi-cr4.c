/* SPDX-License-Identifier: MIT */
/*
 * What a PV guest can change in CR4.
 *
 * @title     CR4 of a PV guest: bits that are not its own are dropped silently
 * @affected  a fact of the ABI, no bug
 * @platforms xen-pv
 * @expect    4=good
 *
 * Background: a PV guest owns TSD, DE, FSGSBASE and OSXSAVE; all other bits are Xen's.
 *
 * Mechanism: Xen emulates the write, takes the guest's bits, and ignores the rest without a fault.
 *
 * Verdicts: good: TSD changes, PGE and PSE do not, and nothing faults.
 *
 * Cannot tell: what Xen writes to its log about it.
 */
#include "repro/kit.h"
#include "pv/x86.h"

#define NOT_READ ~0ull

static u64 read_cr4_raw(void)
{
    u64 value;

    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

static void write_cr4_raw(u64 value)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(value));
}

REPRO("abi-cr4")
{
    struct fault fault;
    volatile u64 before = 0, own = NOT_READ, others = NOT_READ;

    kit_needs(KIT_XEN_PV);
    PV_TRY(fault)
    {
        before = read_cr4_raw();
        STEP
        {
            write_cr4_raw(before ^ CR4_TSD);
            own = read_cr4_raw();
            write_cr4_raw(before);
            write_cr4_raw(before ^ (CR4_PGE | CR4_PSE));
            others = read_cr4_raw();
        }
    }
    if (fault.caught)
        bad("%s", kit_fault_text(&fault));
    EVIDENCE(own != NOT_READ && others != NOT_READ);
    if (own == (before ^ CR4_TSD) && others == before)
        good("CR4 is 0x%llx: TSD can be changed, PGE and PSE stay", (unsigned long long)before);
    bad("CR4 was 0x%llx, with TSD changed 0x%llx, with PGE and PSE changed 0x%llx",
        (unsigned long long)before, (unsigned long long)own, (unsigned long long)others);
}
