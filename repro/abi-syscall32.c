/* SPDX-License-Identifier: MIT */
/*
 * SYSCALL from compatibility mode.
 *
 * @title     syscall of 32-bit user mode arrives at a callback of its own
 * @affected  a fact of the ABI, no bug
 * @platforms xen-pv xen-pvh qemu
 * @expect    4=good qemu=good
 *
 * Background: natively SYSCALL from compatibility mode goes to CSTAR, not to LSTAR; Xen PV has
 * CALLBACKTYPE_syscall32 for it. Only AMD's CPUs have it at all.
 *
 * Mechanism: which entry it is depends on the code segment that user mode ran in.
 *
 * Verdicts: good: the 32-bit entry, from a 32-bit segment; the 64-bit one from a 64-bit segment.
 *
 * Cannot tell: on a CPU that raises #UD instead (Intel).
 */
#include "repro/kit.h"

REPRO("abi-syscall32")
{
    static const u8 syscall[] = {0x0f, 0x05};
    struct kit_regs regs = {0};
    struct kit_exit from32 = KIT_NOT_RUN, from64 = KIT_NOT_RUN;

    STEP
    {
        from32 = kit_user32(syscall, sizeof(syscall), &regs, 0);
        from64 = kit_user64(syscall, sizeof(syscall), &regs, 0);
    }
    if (from32.vector == VECTOR_UD)
        cannot_tell("this CPU has no syscall in compatibility mode");
    EVIDENCE(from32.vector != KIT_NOT_RUN.vector && from64.vector != KIT_NOT_RUN.vector);
    if (from32.vector == VECTOR_SYSCALL32 && from64.vector == VECTOR_SYSCALL)
        good("each at its own entry");
    print("# from 32-bit code: %s\n", kit_exit_text(&from32));
    bad("from 64-bit code: %s; from 32-bit code: see above", kit_exit_text(&from64));
}
