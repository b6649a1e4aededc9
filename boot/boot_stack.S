/* SPDX-License-Identifier: MIT */
/*
 * The stack of the first CPU: every entry (entry32.S, entry_xen_pv.S) begins on it, and kernel_main
 * never leaves it.
 *
 * The page below it is a guard: the page tables that mm/ builds do not map it, so an overflow is a
 * page fault.
 */
#include "boot/boot_stack.h"

	.section .bss.stack, "aw", @nobits
	.balign	4096
	.globl	boot_stack, boot_stack_top
boot_stack_guard:
	.skip	4096
boot_stack:
	.skip	BOOT_STACK_SIZE
boot_stack_top:

/* struct pv_guards (pv/mmu_types.h): the guard's address, and one page of it. */
	.section .guards, "a"
	.quad	boot_stack_guard
	.long	0, 1
