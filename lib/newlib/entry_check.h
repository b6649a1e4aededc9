/* SPDX-License-Identifier: MIT */
/*
 * The stack check at the entry of each function of the port and of programs, with gcc.
 *
 * -mfentry makes the compiler emit "call __fentry__", which compares the stack pointer with its
 * limit (kernel/stack_check.S). This header is included before every C file (-include) and replaces
 * the call by the comparison itself, and a call only if the stack is used up. For SQLite the check
 * was 11 % of the instructions, and 4 % were the calls and returns. clang does not emit assembly
 * text, so the macro cannot change its calls.
 */
#ifndef __ASSEMBLER__
__asm__(".macro call to:vararg\n\t"
        ".ifc \\to,__fentry__\n\t"
        "cmpq %gs:__fentry_limit, %rsp\n\t"
        "jae .Lentered\\@\n\t"
        "callq __fentry__\n"
        ".Lentered\\@:\n\t"
        ".else\n\t"
        "callq \\to\n\t"
        ".endif\n\t"
        ".endm");
#endif
