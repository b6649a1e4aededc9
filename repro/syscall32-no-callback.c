/* SPDX-License-Identifier: MIT */
/*
 * SYSCALL from 32-bit user mode, if the kernel has registered no callback for it.
 *
 * @title     32-bit syscall without a callback of its own
 * @affected  Xen before 4.15; fixed by ca6fcf4321 and 464301737a
 * @platforms xen-pv
 * @expect    4.14=bad 4.15+=good
 *
 * Background: a PV kernel registers its entry for syscall from 64-bit code, and another one for
 * that from compatibility mode (CALLBACKTYPE_syscall32). A kernel that does not register the second
 * does not expect such a call.
 *
 * Mechanism: Xen took the 64-bit entry where the other was missing, which then runs with selectors
 * and registers of 32-bit code that it does not expect. Since the repair the program gets #UD.
 *
 * Verdicts: good: #UD at the instruction. bad: the 64-bit entry. With the callback registered, the
 * call must arrive there, which is looked at first.
 *
 * Cannot tell: on a CPU without syscall in compatibility mode (Intel).
 */
#include "repro/kit.h"

static const u8 code[] = {0x0f, 0x05};

static struct kit_exit syscall32(void)
{
    struct kit_regs regs = {0};

    return kit_user32(code, sizeof(code), &regs, 0);
}

REPRO("syscall32-no-callback")
{
    const struct callback_register none = {.type = CALLBACKTYPE_syscall32};
    struct kit_exit with, left = KIT_NOT_RUN;

    kit_needs(KIT_XEN_PV);
    with = syscall32();
    if (with.vector != VECTOR_SYSCALL32)
        cannot_tell("with a callback: %s", kit_exit_text(&with));
    MUST(hc_callback_op(CALLBACKOP_register, &none));
    STEP left = syscall32();
    EVIDENCE(left.vector != KIT_NOT_RUN.vector);
    if (left.vector == VECTOR_UD && left.offset == 0)
        good("#UD at the instruction");
    bad("%s at offset %lld instead of #UD at the instruction", kit_exit_text(&left),
        (long long)left.offset);
}
