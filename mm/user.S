/* SPDX-License-Identifier: MIT */
/*
 * user_copy(to, from, count): copy bytes, and return how many are left.
 *
 * One of the two addresses is a user's. If an access to it faults, the exception handler finds the
 * instruction in .ex_table (pv/ex_table.h) and continues at label 2, with the rest of the count in
 * %rcx.
 */
	.text
	.globl	user_copy
user_copy:
	movq	%rdx, %rcx
1:	rep movsb
2:	movq	%rcx, %rax
	ret

	.section .ex_table, "a"
	.long	1b - .
	.long	2b - .
