/*
 * user_copy(to, from, count): copies bytes, and returns how many are left if one of them cannot be reached.
 * Where to go on after a fault is said by pv/ex_table.h.
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
