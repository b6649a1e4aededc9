/*
 * XSA-339 (CVE-2020-25596): SYSENTER with the nested-task flag set.
 *
 * @title     sysenter of user mode with NT set
 * @affected  Xen 3.2 to 4.14.0; fixed in 4.14.1
 * @platforms xen-pv
 * @needs     cpu=Nehalem
 * @expect    4=good
 *
 * Background: SYSENTER leaves most flags as user mode had them, also NT, with which IRET raises #GP
 * in 64-bit mode.
 *
 * Mechanism: Xen's SYSENTER entry did not clear NT, and went on to return to the guest's kernel by
 * IRET with NT set in Xen. That #GP was taken for the guest kernel's own fault.
 *
 * Verdicts: good: the kernel gets the system call. bad: it gets a #GP, and user mode could so crash
 * its kernel.
 *
 * Cannot tell: where SYSENTER does not exist in 64-bit mode (AMD): #UD.
 */
#include "pv/x86.h"
#include "repro/kit.h"

REPRO("xsa-339")
{
    static const u8 code[] = {
        0x9c,                                     /* pushf */
        0x81, 0x0c, 0x24, 0x00, 0x40, 0x00, 0x00, /* orl $NT, (%rsp) */
        0x9d,                                     /* popf */
        0x0f, 0x34,                               /* sysenter */
    };
    struct kit_regs regs = {0};
    struct kit_exit left;

    kit_needs(KIT_XEN_PV);
    left = kit_user64(code, sizeof(code), &regs, 0);
    if (left.vector == VECTOR_UD)
        cannot_tell("this CPU has no sysenter in 64-bit mode");
    exercised();
    if (left.vector == VECTOR_SYSENTER)
        good("the kernel got the system call");
    bad("%s", kit_exit_text(&left));
}
