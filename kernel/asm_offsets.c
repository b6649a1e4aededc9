/* SPDX-License-Identifier: MIT */
/* The offsets that lib/registers.inc uses (pv/asm_offsets.h). */
#include "lib/registers.h"
#include "pv/asm_offsets.h"

void kernel_asm_offsets(void);
void kernel_asm_offsets(void)
{
    ASM_OFFSET(CALLEE_SAVED_RBX, struct callee_saved, rbx);
    ASM_OFFSET(CALLEE_SAVED_RBP, struct callee_saved, rbp);
    ASM_OFFSET(CALLEE_SAVED_R12, struct callee_saved, r12);
    ASM_OFFSET(CALLEE_SAVED_R13, struct callee_saved, r13);
    ASM_OFFSET(CALLEE_SAVED_R14, struct callee_saved, r14);
    ASM_OFFSET(CALLEE_SAVED_R15, struct callee_saved, r15);
    ASM_OFFSET(CALLEE_SAVED_RSP, struct callee_saved, rsp);
    ASM_OFFSET(CALLEE_SAVED_RIP, struct callee_saved, rip);
}
