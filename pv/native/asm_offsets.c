/* SPDX-License-Identifier: MIT */
/* The offsets that the native backend's assembly uses (pv/asm_offsets.h). */
#include "pv/asm_offsets.h"
#include "pv/native/native.h"

void native_asm_offsets(void);
void native_asm_offsets(void)
{
    ASM_OFFSET(NATIVE_START_CR3, struct native_start, cr3);
    ASM_OFFSET(NATIVE_START_CR4, struct native_start, cr4);
    ASM_OFFSET(NATIVE_START_AREA, struct native_start, how.area);
    ASM_OFFSET(NATIVE_START_STACK_TOP, struct native_start, how.stack_top);
    ASM_OFFSET(NATIVE_START_ENTRY, struct native_start, how.entry);
}
