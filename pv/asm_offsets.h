/* SPDX-License-Identifier: MIT */
/*
 * How assembly learns the offsets and sizes of C structs. Each asm_offsets.c is compiled to
 * assembly text in which ASM_OFFSET has left a line; the Makefile turns each into a #define of
 * build/include/asm-offsets.h, which assembly includes as <asm-offsets.h>. Linux does the same.
 */
#ifndef PV_ASM_OFFSETS_H
#define PV_ASM_OFFSETS_H

#include "lib/types.h"

/* Define name as value, a constant of the compiler's. */
#define ASM_CONSTANT(name, value) \
    __asm__ volatile("\n.ascii \"->" #name " %c0\"" : : "i"((u64)(value)))

#define ASM_OFFSET(name, type, member) ASM_CONSTANT(name, offsetof(type, member))

#endif
