/* SPDX-License-Identifier: MIT */
/*
 * int with a REX prefix, from user mode.
 *
 * @title     int $imm8 with a REX prefix reaches the guest's handler
 * @affected  Xen: into its middle before 4.20.4, #GP since; not fixed in the development branch
 * @platforms xen-pv
 * @expect    4.14=bad 4.17=bad 4.20=bad
 *
 * Background: in 64-bit code the bytes 0x40 to 0x4f before an instruction are a prefix. It does not
 * change what int does.
 *
 * Mechanism: Xen decodes the instruction to find its end, without telling the decoder that the code
 * is 64-bit. The prefix then is an instruction of its own, inc or dec, which is not int, and user
 * mode gets #GP. Before Xen decoded it, every int counted as two bytes (repro/int-prefix.c).
 *
 * Verdicts: good: each int leads to the handler, with the return address at its end. bad: it does
 * not. int without a prefix must, which is looked at first.
 *
 * Cannot tell: 32-bit guests, which have no REX prefix.
 */
#include "repro/kit.h"

#define VECTOR 0x45
#define LENGTH 3

REPRO("int-rex")
{
    static const u8 plain[] = {0xcd, VECTOR};
    struct kit_regs regs = {0};
    struct kit_exit left;

    kit_needs(KIT_XEN_PV);
    kit_int_gate(VECTOR);
    left = kit_user64(plain, sizeof(plain), &regs, 0);
    if (!kit_is_int(&left, VECTOR) || left.offset != sizeof(plain))
        cannot_tell("int without a prefix: %s at offset %lld", kit_exit_text(&left),
                    (long long)left.offset);
    for (u8 rex = 0x40; rex < 0x50; rex++) {
        const u8 code[LENGTH] = {rex, 0xcd, VECTOR};

        left = KIT_NOT_RUN;
        STEP left = kit_user64(code, sizeof(code), &regs, 0);
        EVIDENCE(left.vector != KIT_NOT_RUN.vector);
        if (!kit_is_int(&left, VECTOR) || left.offset != LENGTH)
            bad("prefix 0x%x: %s at offset %lld", rex, kit_exit_text(&left),
                (long long)left.offset);
    }
    good("int with each of 16 prefixes returns to its end");
}
