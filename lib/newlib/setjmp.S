/* SPDX-License-Identifier: MIT */
/*
 * setjmp and longjmp in place of newlib's for x86-64, where longjmp(env, 0) makes setjmp return 0
 * instead of 1 (C11, 7.13.2.1). jmp_buf holds a struct callee_saved (lib/registers.h).
 *
 * longjmp may leave a handler of a signal on its alternate stack. The kernel compares %rsp with the
 * limit of one stack, which is therefore lifted before %rsp changes, and set after.
 */
#include "lib/newlib/thread_offsets.h"
#include "lib/registers.inc"

	.text
	.globl	setjmp
	.type	setjmp, @function
setjmp:
	save_for_caller
	xorl	%eax, %eax
	ret
	.size	setjmp, . - setjmp

	.globl	longjmp
	.type	longjmp, @function
longjmp:
	cmpl	$0, %fs:PTHREAD_ON_ALTERNATE
	jne	2f
1:	cmpl	$1, %esi	/* carry if 0 */
	adcl	$0, %esi
	movl	%esi, %eax
	movq	CALLEE_SAVED_RBX(%rdi), %rbx
	movq	CALLEE_SAVED_RBP(%rdi), %rbp
	movq	CALLEE_SAVED_R12(%rdi), %r12
	movq	CALLEE_SAVED_R13(%rdi), %r13
	movq	CALLEE_SAVED_R14(%rdi), %r14
	movq	CALLEE_SAVED_R15(%rdi), %r15
	movq	CALLEE_SAVED_RSP(%rdi), %rsp
	jmpq	*CALLEE_SAVED_RIP(%rdi)

2:	movq	%rdi, %rbx
	movl	%esi, %r12d
	movq	CALLEE_SAVED_RSP(%rbx), %rdi
	andq	$-16, %rsp
	call	alternate_leave
	movq	CALLEE_SAVED_RSP(%rbx), %rsp
	andq	$-16, %rsp
	call	alternate_left
	movq	%rbx, %rdi
	movl	%r12d, %esi
	jmp	1b
	.size	longjmp, . - longjmp

	.section .note.GNU-stack, "", @progbits
