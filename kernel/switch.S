/* SPDX-License-Identifier: MIT */
/*
 * thread_switch(&old->sp, new->sp, &old->fpu, &new->fpu): save the registers that a C function
 * preserves on the old stack (struct switch_frame), and the FPU's in old->fpu; then load the new
 * thread's, and return on its stack from the thread_switch that it called when it was switched away
 * from. A new thread's stack is prepared to look the same (kernel/thread.c, init_stack), and
 * returns to thread_first.
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

/* rbx: the thread; r12: its first function. %rbp is 0 to end backtraces. */
	.globl	thread_first
thread_first:
	xorl	%ebp, %ebp
	movq	%rbx, %rdi
	call	*%r12
	ud2

/* The first page of each stride is a guard page: mm/ does not map what .guards lists. */
	.section .bss.stack, "aw", @nobits
	.balign	4096
	.globl	thread_stacks
thread_stacks:
	.skip	THREADS_MAX * THREAD_STACK_STRIDE

	.section .guards, "a"
	.quad	thread_stacks
	.long	THREAD_STACK_STRIDE, THREADS_MAX
