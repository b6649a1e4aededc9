/* SPDX-License-Identifier: MIT */
/*
 * SYSENTER of 64-bit user mode with the nested-task flag set.
 *
 * @title     sysenter of user mode with NT set reaches the guest's callback
 * @affected  Xen up to 4.14.0, which answers with #GP; changed in 4.14.1
 * @platforms xen-pv
 * @needs     cpu=Nehalem
 * @expect    4.14.1+=good
 *
 * Background: SYSENTER leaves most flags as user mode had them, also NT, with which IRET raises #GP
 * in 64-bit mode. So Xen has to clear NT on the way in. What to do about such a program is the
 * guest kernel's decision.
 *
 * Mechanism: Xen did clear NT, but raised a #GP at the program in place of the system call. For a
 * 64-bit kernel that is a matter of the ABI. For a 32-bit kernel Xen delivered that #GP twice,
 * which is XSA-339 (CVE-2020-25596) and not what is seen here.
 *
 * Verdicts: good: the kernel gets the system call. bad: it gets a #GP.
 *
 * Cannot tell: where SYSENTER does not exist in 64-bit mode (AMD): #UD. XSA-339 itself.
 */
#include "repro/kit.h"

REPRO("sysenter-nt")
{
    static const u8 code[] = {
        0x9c,                                     /* pushf */
        0x81, 0x0c, 0x24, 0x00, 0x40, 0x00, 0x00, /* orl $NT, (%rsp) */
        0x9d,                                     /* popf */
        0x0f, 0x34,                               /* sysenter */
    };
    struct kit_regs regs = {0};
    struct kit_exit left = KIT_NOT_RUN;

    kit_needs(KIT_XEN_PV);
    STEP left = kit_user64(code, sizeof(code), &regs, 0);
    if (left.vector == VECTOR_UD)
        cannot_tell("this CPU has no sysenter in 64-bit mode");
    EVIDENCE(left.vector != KIT_NOT_RUN.vector);
    if (left.vector == VECTOR_SYSENTER)
        good("the kernel got the system call");
    bad("%s", kit_exit_text(&left));
}
