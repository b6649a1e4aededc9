/* SPDX-License-Identifier: MIT */
/* The offsets that assembly of every backend uses (pv/asm_offsets.h). */
#include "pv/asm_offsets.h"
#include "pv/cpu_area.h"
#include "pv/trap_frame.h"

void pv_asm_offsets(void);
void pv_asm_offsets(void)
{
    ASM_OFFSET(CPU_AREA_SP0, struct pv_cpu_area, sp0);
    ASM_OFFSET(CPU_AREA_USER_SP, struct pv_cpu_area, user_sp);
    ASM_OFFSET(CPU_AREA_STACK_LIMIT, struct pv_cpu_area, stack_limit);
    ASM_OFFSET(CPU_AREA_PROGRAM_STACK_LIMIT, struct pv_cpu_area, program_stack_limit);
    ASM_OFFSET(CPU_AREA_USER_IOPL, struct pv_cpu_area, user_iopl);

    ASM_OFFSET(TRAP_FRAME_R11, struct trap_frame, r11);
    ASM_OFFSET(TRAP_FRAME_RCX, struct trap_frame, rcx);
    ASM_OFFSET(TRAP_FRAME_VECTOR, struct trap_frame, vector);
    ASM_OFFSET(TRAP_FRAME_RIP, struct trap_frame, rip);
    ASM_OFFSET(TRAP_FRAME_CS, struct trap_frame, cs);
    ASM_OFFSET(TRAP_FRAME_RFLAGS, struct trap_frame, rflags);
    ASM_OFFSET(TRAP_FRAME_RSP, struct trap_frame, rsp);
    ASM_OFFSET(TRAP_FRAME_SS, struct trap_frame, ss);
    ASM_CONSTANT(TRAP_FRAME_SIZE, sizeof(struct trap_frame));
}
