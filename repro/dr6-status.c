/* SPDX-License-Identifier: MIT */
/*
 * The status register of debug exceptions, after two of them.
 *
 * @title     a breakpoint's bit stays in %dr6 when a single step follows
 * @affected  Xen before 4.20; fixed by db39fa4b27 and d965e2ee07
 * @platforms xen-pv
 * @expect    4.14=bad 4.17=bad 4.20=good
 *
 * Background: %dr6 says why a #DB came: bits 0 to 3 for the breakpoints, bit 14 for a single step.
 * The handler clears the register. If it does not, the CPU clears bits 0 to 3 at the next #DB
 * (Intel SDM vol. 3, section 18.2.3), and leaves the others.
 *
 * Mechanism: %dr6 of a PV guest is a variable of Xen's, to which Xen added new bits without taking
 * the old breakpoints' away.
 *
 * Here a breakpoint on data comes first, whose bit must be seen; then single steps without a
 * breakpoint.
 *
 * Verdicts: good: the bit of the single step alone. bad: the breakpoint's bit with it.
 *
 * Cannot tell: what the emulated CPU itself does, which keeps the bits.
 */
#include "pv/x86.h"
#include "repro/kit.h"

#define BREAKPOINTS 0xfull
#define NONE        ~0ull

static volatile u64 watched __aligned(8);
static volatile u64 status = NONE;

/* Note the first status after it was reset to NONE, and leave %dr6 as it is. */
static bool on_debug(struct trap_frame *frame)
{
    (void)frame;
    if (status == NONE)
        status = pv_get_debugreg(6);
    return true;
}

static void single_step(void)
{
    __asm__ volatile("pushfq\n\t"
                     "orq %0, (%%rsp)\n\t"
                     "popfq\n\t"
                     "nop\n\t"
                     "pushfq\n\t"
                     "andq %1, (%%rsp)\n\t"
                     "popfq"
                     :
                     : "i"(RFLAGS_TF), "i"(~RFLAGS_TF)
                     : "memory", "cc");
}

REPRO("dr6-status")
{
    u64 first, second;

    kit_needs(KIT_XEN_PV);
    debug_hook = on_debug;
    MUST(pv_set_debugreg(6, DR6_FIXED));
    MUST(pv_set_debugreg(0, (u64)&watched));
    MUST(pv_set_debugreg(7, DR7_ENABLE(0) | DR7_WRITE_8(0)));
    watched = 1;
    MUST(pv_set_debugreg(7, DR7_FIXED));
    first = status;
    if (first == NONE || !(first & 1))
        cannot_tell("the breakpoint did not show: %%dr6 0x%llx", (unsigned long long)first);
    status = NONE;
    STEP single_step();
    second = status;
    EVIDENCE(second != NONE && second & DR6_SINGLE_STEP);
    if (!(second & BREAKPOINTS))
        good("%%dr6 0x%llx, then 0x%llx", (unsigned long long)first, (unsigned long long)second);
    bad("%%dr6 0x%llx, then 0x%llx: the breakpoint is still there", (unsigned long long)first,
        (unsigned long long)second);
}
