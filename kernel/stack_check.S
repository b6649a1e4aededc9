/*
 * __fentry__: runs at the start of every C function, before its prologue; the return address tells which.
 * May change nothing but the flags. See kernel/stack.h.
 */
	.text
	.globl	__fentry__
__fentry__:
	cmpq	stack_limit(%rip), %rsp
	jb	1f
	ret
1:	popq	%rdi
	movq	%rsp, %rsi
	movq	%rbp, %rdx
	movq	$0, stack_limit(%rip)
	movq	$overflow_stack_top, %rsp
	pushq	%rdi				/* a frame, so that the backtrace goes on */
	pushq	%rbp
	movq	%rsp, %rbp
	call	stack_overflow
	ud2

	.bss
	.balign	16
	.skip	8192
overflow_stack_top:
