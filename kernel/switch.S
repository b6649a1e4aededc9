/*
 * thread_switch(&old->sp, new->sp, old->fpu, new->fpu): what a C function must preserve goes on the old
 * stack, then everything continues on the new one. A new thread's stack is made to look the same
 * (kernel/thread.c), and returns to thread_first.
 */
#include "kernel/thread.h"

	.text
	.globl	thread_switch
thread_switch:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	fxsave64 (%rdx)
	fxrstor64 (%rcx)
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret

/* rbx = the thread. */
	.globl	thread_first
thread_first:
	xorl	%ebp, %ebp
	movq	%rbx, %rdi
	call	thread_begin
	ud2

/* Below each stack lies a page that is not mapped. */
	.section .bss.stack, "aw", @nobits
	.balign	4096
	.globl	thread_stacks
thread_stacks:
	.skip	THREADS_MAX * THREAD_STACK_STRIDE

	.section .guards, "a"
	.set	stack, 0
	.rept	THREADS_MAX
	.quad	thread_stacks + stack * THREAD_STACK_STRIDE
	.set	stack, stack + 1
	.endr
