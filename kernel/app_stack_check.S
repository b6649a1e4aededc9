/* SPDX-License-Identifier: MIT */
/*
 * The stack checks of programs and of libc's port, which tools/build/stack_checks.py puts into
 * their assembly text. They compare with a higher limit (program_stack_limit) than those of the
 * kernel (kernel/stack_check.S): what is between the two is for functions without a check, for
 * kernel functions that a program calls, and for interrupts. A check that finds too little left
 * calls one of the functions here, which lets the stack grow (kernel/app_stack.c) or reports the
 * overflow. They change no register but the flags.
 */
#include <asm-offsets.h>

	.globl	__fentry_limit
	.set	__fentry_limit, CPU_AREA_PROGRAM_STACK_LIMIT

	.text
/* At a check of %rsp. */
	.globl	__fentry_program__
__fentry_program__:
	cmpq	%gs:CPU_AREA_PROGRAM_STACK_LIMIT, %rsp
	jb	1f
	ret
1:	pushq	%r11
	leaq	8(%rsp), %r11
	call	grow
	popq	%r11
	jz	stack_check_failed
	ret

/* At a check with the size of what is to be used: %r11 is where that would end. */
	.globl	__fentry_large__
__fentry_large__:
	cmpq	%r11, %gs:CPU_AREA_PROGRAM_STACK_LIMIT
	ja	1f
	ret
1:	call	grow
	jz	stack_check_failed
	ret

/* Call app_stack_grow(%r11), and clear ZF if the stack has grown. */
grow:
	.irp	reg, rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11
	pushq	%\reg
	.endr
	movq	%r11, %rdi
	call	app_stack_grow
	testb	%al, %al
	.irp	reg, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax
	popq	%\reg
	.endr
	ret
