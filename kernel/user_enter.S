/* SPDX-License-Identifier: MIT */
/*
 * user_enter(struct callee_saved *, frame, entry): save the registers that the caller relies on,
 * then enter user mode by user_go, which does not return. When user mode is left, kernel/user.c
 * loads them again, so that user_enter returns.
 */
#include "lib/registers.inc"

	.text
	.globl	user_enter
user_enter:
	save_for_caller
	movq	%rsi, %rdi
	movl	%edx, %esi
	movq	%rsp, %rdx
	andq	$-16, %rdx
	call	user_go
	ud2
