/* SPDX-License-Identifier: MIT */
/*
 * int with an operand-size or repeat prefix, from user mode.
 *
 * @title     int $imm8 with a prefix returns to the end of the instruction
 * @affected  Xen before 4.20.4, which returns into its middle; fixed by a934a600c4 (4.22)
 * @platforms xen-pv
 * @expect    4.14=bad 4.17=bad 4.20.4+=good
 *
 * Background: int is two bytes long, and longer with prefixes, which do not change what it does.
 *
 * Mechanism: a guest's gates are not in the CPU's table. int raises #GP, and Xen delivers the
 * guest's interrupt as if the instruction had ended: two bytes after its start.
 *
 * Verdicts: good: each int leads to the handler, with the return address at its end. bad: it does
 * not. int without a prefix must, which is looked at first.
 *
 * Cannot tell: int 0x80, which Xen handles apart. REX prefixes: repro/int-rex.c.
 */
#include "repro/kit.h"

#define VECTOR  0x45
#define INT     0xcd, VECTOR
#define LONGEST 5

static const struct code {
    u8 bytes[LONGEST];
    u8 length;
} codes[] = {
    {{0x66, INT}, 3}, {{0xf2, INT}, 3},       {{0xf3, INT}, 3},
    {{0x2e, INT}, 3}, {{0x66, 0xf3, INT}, 4}, {{0x67, 0x66, 0xf3, INT}, 5},
};

static struct kit_exit run_int(const struct code *code)
{
    struct kit_regs regs = {0};

    return kit_user64(code->bytes, code->length, &regs, 0);
}

REPRO("int-prefix")
{
    static const struct code plain = {{INT}, 2};
    struct kit_exit left;

    kit_needs(KIT_XEN_PV);
    kit_int_gate(VECTOR);
    left = run_int(&plain);
    if (!kit_is_int(&left, VECTOR) || left.offset != plain.length)
        cannot_tell("int without a prefix: %s at offset %lld", kit_exit_text(&left),
                    (long long)left.offset);
    for (u32 i = 0; i < ARRAY_SIZE(codes); i++) {
        left = KIT_NOT_RUN;
        STEP left = run_int(&codes[i]);
        EVIDENCE(left.vector != KIT_NOT_RUN.vector);
        if (!kit_is_int(&left, VECTOR) || left.offset != codes[i].length)
            bad("first byte 0x%x, %u bytes: %s at offset %lld", codes[i].bytes[0], codes[i].length,
                kit_exit_text(&left), (long long)left.offset);
    }
    good("%zu prefixed int return to their ends", ARRAY_SIZE(codes));
}
