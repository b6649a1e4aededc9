/*
 * The local APIC's error status register is a latch: a write shows what has been gathered.
 *
 * @title     writes to APIC_ESR are dropped
 * @affected  Xen before 4.20; fixed by b28b590d4a
 * @platforms xen-pvh qemu
 * @expect    4.14=bad 4.17.5=bad 4.17.7=bad 4.20=good qemu=cannot-tell
 *
 * Background: the local APIC gathers errors inside. Software writes ESR (any value), which moves
 * what was gathered into the register and starts to gather afresh, and then reads it (Intel SDM
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
#define SPURIOUS        (0xf0 / 4)
#define ERROR_STATUS    (0x280 / 4)
#define COMMAND         (0x300 / 4)
#define LVT_ERROR       (0x370 / 4)
#define LVT_MASKED      0x10000
#define APIC_ENABLED    0x1ff
#define SELF_FIXED      0x40000
#define ILLEGAL_VECTOR  5
#define SENT_BAD_VECTOR 0x20

REPRO("apic-esr")
{
    volatile u32 *apic;
    u32 before, first, second;

    kit_needs(KIT_XEN_PVH | KIT_NATIVE);
    apic = kit_device(APIC);
    __asm__ volatile("cli"); /* QEMU's APIC delivers what is illegal */
    apic[SPURIOUS] = APIC_ENABLED;
    apic[LVT_ERROR] = LVT_MASKED | 0xfe;
    apic[ERROR_STATUS] = 0;
    apic[ERROR_STATUS] = 0;
    apic[COMMAND] = SELF_FIXED | ILLEGAL_VECTOR;

    before = apic[ERROR_STATUS];
    apic[ERROR_STATUS] = 0;
    first = apic[ERROR_STATUS];
    apic[ERROR_STATUS] = 0;
    second = apic[ERROR_STATUS];
    if (!before && !first && !second)
        cannot_tell("this APIC reports no illegal vector");
    exercised();
    if (before == 0 && first == SENT_BAD_VECTOR && second == 0)
        good("0x0 before a write, 0x%x after the first, 0x0 after the second", first);
    bad("0x%x before a write, 0x%x after the first, 0x%x after the second", before, first, second);
}
