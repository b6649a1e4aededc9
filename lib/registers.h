/* SPDX-License-Identifier: MIT */
/* The registers that a function preserves for its caller (System V ABI), as saved for a later
 * return. */
#ifndef LIB_REGISTERS_H
#define LIB_REGISTERS_H

#include "lib/types.h"

/* Filled by save_for_caller (lib/registers.inc). rsp and rip: the caller's after the return. */
struct callee_saved {
    u64 rbx, rbp, r12, r13, r14, r15, rsp, rip;
};

#endif
