/*
 * Read before every C file of libc's port and of programs, by gcc only (clang writes no assembly
 * that a macro could change). The stack is checked at a function's entry as everywhere
 * (kernel/stack_check.S), but the comparison stands in the function, and only who is out of stack
 * calls: the call and return at every entry were 4% of SQLite's instructions, the whole check 11%.
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
