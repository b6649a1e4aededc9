/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's error status register is a latch: a write shows what has been gathered.
 *
 * @title     writes to APIC_ESR are dropped
 * @affected  Xen before 4.20; fixed by b28b590d4a
 * @platforms xen-pvh qemu
 * @expect    4.14=bad 4.17.5=bad 4.17.7=bad 4.20=good qemu=cannot-tell
 *
 * Background: the local APIC gathers errors inside. Software writes ESR (any value), which moves
 * what was gathered into the register and clears the internal state, and then reads it (Intel SDM
 * vol. 3, section 11.5.3).
 *
 * Mechanism: an IPI to itself with a vector below 16 is illegal and sets bit 5. Xen kept ESR as
 * plain memory that the error changes at once and that writes do not change.
 *
 * Verdicts: good: 0 before a write, 0x20 after the first, 0 after the second. bad: anything else.
 *
 * Cannot tell: on an APIC that does not report illegal vectors at all, such as QEMU's.
 */
#include "repro/kit.h"

#define APIC            0xfee00000
#define MSR_APIC_BASE   0x1b
#define X2APIC          0x400
#define MSR_X2APIC      0x800
#define SPURIOUS        0xf0
#define ERROR_STATUS    0x280
#define COMMAND         0x300
#define LVT_ERROR       0x370
#define LVT_MASKED      0x10000
#define APIC_ENABLED    0x1ff
#define SELF_FIXED      0x40000
#define ILLEGAL_VECTOR  5
#define SENT_BAD_VECTOR 0x20

/* The registers are in memory or, in x2APIC mode, MSRs; NULL then. */
static volatile u32 *apic;

static u32 apic_get(u32 offset)
{
    return apic ? apic[offset / 4] : (u32)pv_read_msr(MSR_X2APIC + offset / 16);
}

static void apic_set(u32 offset, u32 value)
{
    if (apic)
        apic[offset / 4] = value;
    else
        pv_write_msr(MSR_X2APIC + offset / 16, value);
}

REPRO("apic-esr")
{
    u32 before, first, second;

    kit_needs(KIT_XEN_PVH | KIT_NATIVE);
    apic = pv_read_msr(MSR_APIC_BASE) & X2APIC ? NULL : kit_device(APIC);
    __asm__ volatile("cli"); /* QEMU's APIC delivers what is illegal */
    apic_set(SPURIOUS, APIC_ENABLED);
    apic_set(LVT_ERROR, LVT_MASKED | 0xfe);
    apic_set(ERROR_STATUS, 0);
    apic_set(ERROR_STATUS, 0);
    STEP apic_set(COMMAND, SELF_FIXED | ILLEGAL_VECTOR);

    before = apic_get(ERROR_STATUS);
    apic_set(ERROR_STATUS, 0);
    first = apic_get(ERROR_STATUS);
    apic_set(ERROR_STATUS, 0);
    second = apic_get(ERROR_STATUS);
    if (!before && !first && !second)
        cannot_tell("this APIC reports no illegal vector");
    exercised();
    if (before == 0 && first == SENT_BAD_VECTOR && second == 0)
        good("0x0 before a write, 0x%x after the first, 0x0 after the second", first);
    bad("0x%x before a write, 0x%x after the first, 0x%x after the second", before, first, second);
}
