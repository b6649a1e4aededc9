/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls that do not exist.
 *
 * @title     hypercall numbers that do not exist give -ENOSYS
 * @affected  a fact of the ABI, no bug
 * @platforms xen-pv xen-pvh
 * @expect    4=good
 *
 * Background: the number is a register, which can hold anything.
 *
 * Mechanism: Xen compares it with the size of a table and looks for a hole in that.
 *
 * Verdicts: good: -ENOSYS for all. bad: another result.
 *
 * Cannot tell: numbers from 0x80000000 up mean something else to a guest that was offered
 * Microsoft's interface.
 */
#include "repro/kit.h"

REPRO("abi-hypercall-number")
{
    static const unsigned long long numbers[] = {43, 63, 64, 127, 0xffff, 0x80000000, ~0ull};

    kit_needs(KIT_XEN);
    for (u32 i = 0; i < ARRAY_SIZE(numbers); i++) {
        struct kit_regs regs = {.rax = numbers[i]};

        STEP kit_hypercall_regs(&regs);
        if (regs.rax == numbers[i])
            cannot_tell("number 0x%llx: the result register is as it was", numbers[i]);
        exercised();
        if (regs.rax != (u64)-XEN_ENOSYS)
            bad("number 0x%llx: %lld", numbers[i], (long long)regs.rax);
    }
    good("-ENOSYS for %zu numbers", ARRAY_SIZE(numbers));
}
