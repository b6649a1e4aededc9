/* SPDX-License-Identifier: MIT */
/*
 * XSA-213 (CVE-2017-8903): a multicall that continues after iret.
 *
 * @title     calls of a multicall after its iret to user mode
 * @advisory  https://xenbits.xen.org/xsa/advisory-213.html
 * @affected  all Xen before May 2017; fixed in 4.8.2
 * @platforms xen-pv
 * @expect    4.8.2+=good
 *
 * Background: iret is a hypercall like others and may be part of a multicall. If it leads to user
 * mode, Xen switches to the guest's user page tables.
 *
 * Mechanism: Xen continued with the calls that follow, as if the guest's kernel still ran. Calls
 * that change page tables then did so by the wrong ones.
 *
 * Here the call that follows is harmless, and its result shows whether Xen made it. Xen reads the
 * list by the page tables in use, so the list is in a page of user mode, which both tables map.
 *
 * Verdicts: good: user mode runs, Xen has written the result of the iret into the list after the
 * switch, and the call that follows was not made. bad: that call was made.
 *
 * Cannot tell: if Xen cannot write to the list after the switch.
 */
#include "pv/patch/patch.h"
#include "repro/kit.h"

#define NOT_MADE 0x5eed

void kit_iret_by_multicall(const struct trap_frame *frame, struct multicall_entry *calls,
                           u64 count);

static void iret(struct trap_frame *frame)
{
    kit_iret_by_multicall(frame, (struct multicall_entry *)KIT_USER_STACK, 2);
}

REPRO("xsa-213")
{
    static const u8 syscall[] = {0x0f, 0x05};
    struct multicall_entry *calls = kit_user_stack();
    struct kit_regs regs = {0};
    struct kit_exit left;

    kit_needs(KIT_XEN_PV);
    calls[0] = MULTICALL(__HYPERVISOR_iret);
    calls[1] = MULTICALL(__HYPERVISOR_xen_version, XENVER_version);
    calls[0].result = calls[1].result = NOT_MADE;
    STEP pv_set_op(PV_INDEX(cpu.iret), iret);
    left = kit_user64(syscall, sizeof(syscall), &regs, 0);
    if (left.vector != VECTOR_SYSCALL)
        cannot_tell("user mode was not entered: %s", kit_exit_text(&left));
    if (calls[1].result != NOT_MADE) {
        exercised();
        bad("the call after iret was made: 0x%lx", (unsigned long)calls[1].result);
    }
    if (calls[0].result == NOT_MADE)
        cannot_tell("Xen did not write to the list after iret");
    exercised();
    good("the call after iret was not made");
}
