/*
 * thread_switch(&old->sp, new->sp, old->fpu, new->fpu): what a C function must preserve goes on the old
 * stack (struct switch_frame), then everything continues on the new one. A new thread's stack is made to look
 * the same (kernel/thread.c), and returns to thread_first.
 */
#include "kernel/thread.h"
#include "lib/registers.inc"

	.text
	.globl	thread_switch
thread_switch:
	push_for_caller
	fxsave64 (%rdx)
	fxrstor64 (%rcx)
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	pop_for_caller
	ret

/* rbx = the thread, r12 = the function that it begins with. */
	.globl	thread_first
thread_first:
	xorl	%ebp, %ebp
	movq	%rbx, %rdi
	call	*%r12
	ud2

/* Below each stack lies a page that is not mapped. */
	.section .bss.stack, "aw", @nobits
	.balign	4096
	.globl	thread_stacks
thread_stacks:
	.skip	THREADS_MAX * THREAD_STACK_STRIDE

	.section .guards, "a"
	.quad	thread_stacks
	.long	THREAD_STACK_STRIDE, THREADS_MAX
