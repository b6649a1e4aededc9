/*
 * The registers that a function preserves for its caller (System V ABI), as lib/registers.inc saves
 * them: struct callee_saved for C, its offsets for assembly.
 */
#ifndef LIB_REGISTERS_H
#define LIB_REGISTERS_H

#define CALLEE_SAVED_RBX 0
#define CALLEE_SAVED_RBP 8
#define CALLEE_SAVED_R12 16
#define CALLEE_SAVED_R13 24
#define CALLEE_SAVED_R14 32
#define CALLEE_SAVED_R15 40
#define CALLEE_SAVED_RSP 48
#define CALLEE_SAVED_RIP 56

#ifndef __ASSEMBLER__
#include "lib/types.h"

/* rsp and rip are those that the caller has after the function's return. */
struct callee_saved {
    u64 rbx, rbp, r12, r13, r14, r15, rsp, rip;
};

_Static_assert(offsetof(struct callee_saved, rbx) == CALLEE_SAVED_RBX, "the assembly's offset");
_Static_assert(offsetof(struct callee_saved, rbp) == CALLEE_SAVED_RBP, "the assembly's offset");
_Static_assert(offsetof(struct callee_saved, r12) == CALLEE_SAVED_R12, "the assembly's offset");
_Static_assert(offsetof(struct callee_saved, r13) == CALLEE_SAVED_R13, "the assembly's offset");
_Static_assert(offsetof(struct callee_saved, r14) == CALLEE_SAVED_R14, "the assembly's offset");
_Static_assert(offsetof(struct callee_saved, r15) == CALLEE_SAVED_R15, "the assembly's offset");
_Static_assert(offsetof(struct callee_saved, rsp) == CALLEE_SAVED_RSP, "the assembly's offset");
_Static_assert(offsetof(struct callee_saved, rip) == CALLEE_SAVED_RIP, "the assembly's offset");
#endif

#endif
