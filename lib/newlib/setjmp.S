/*
 * setjmp and longjmp in place of newlib's, whose longjmp(where, 0) comes back as 0 on x86-64 and not as 1
 * (C11, 7.13.2.1). jmp_buf is as lib/registers.inc has it.
 */
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
	cmpl	$1, %esi	/* carry if 0 */
	adcl	$0, %esi
	movl	%esi, %eax
	movq	(%rdi), %rbx
	movq	8(%rdi), %rbp
	movq	16(%rdi), %r12
	movq	24(%rdi), %r13
	movq	32(%rdi), %r14
	movq	40(%rdi), %r15
	movq	48(%rdi), %rsp
	jmpq	*56(%rdi)
	.size	longjmp, . - longjmp

	.section .note.GNU-stack, "", @progbits
