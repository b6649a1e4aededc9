/* SPDX-License-Identifier: MIT */
/*
 * Stack overflow, detected before it happens. With -mfentry the compiler puts a call of __fentry__
 * at the start of every C function, before its prologue. __fentry__ compares %rsp with the limit of
 * the current stack, which is in the CPU's area (pv/cpu_area.h, stack_limit; 0 allows any %rsp),
 * and may change nothing but the flags. Programs and libc's port have checks of their own
 * (kernel/app_stack_check.S).
 *
 * A guard page alone is not enough: a Xen PV guest has no IST, so the page fault could not be
 * delivered, and Xen ends a domain silently when it cannot push an exception frame onto the guest's
 * kernel stack.
 */
#include <asm-offsets.h>
#include "pv/entry/trap_frame.inc"
#include "pv/patch/lengths.h"

#define OVERFLOW_STACK_SIZE 8192

	.text
	.globl	__fentry__
__fentry__:
	cmpq	%gs:CPU_AREA_STACK_LIMIT, %rsp
	jb	1f
	ret
/*
 * Report it on a stack of its own, with a struct trap_frame of the function's first instruction.
 * Interrupts are disabled first (the site of pv_irq_disable, which keeps the registers): a thread
 * that was preempted with the stack would never continue, if the next thread on its CPU overflowed
 * in the scheduler and waited for the stack. A thread that is preempted before that gets its limit
 * back, so the limit is lifted again.
 */
	.globl	stack_check_failed
stack_check_failed:
1:	movq	$0, %gs:CPU_AREA_STACK_LIMIT
	.fill	PV_LENGTH_irq_disable - PV_BRANCH_LENGTH, 1, 0x2e
	call	pv_hot_irq_disable
	movq	$0, %gs:CPU_AREA_STACK_LIMIT
	lock btsl $0, taken(%rip)
2:	pause
	jc	2b				/* another CPU uses the stack, and ends the run */
	movq	%rsp, overflow_rsp(%rip)
	movq	$overflow_rsp, %rsp
	pushq	$0				/* rflags: lost by the comparison */
	pushq	$0				/* cs */
	pushq	$0				/* rip: below */
	pushq	$0				/* error */
	pushq	$0				/* vector */
	save_regs
	movq	overflow_rsp(%rip), %rax
	movq	(%rax), %rax
	movq	%rax, TRAP_FRAME_RIP(%rdi)
	addq	$8, overflow_rsp(%rip)
	call	stack_overflow
	ud2

/*
 * stack_overflow_continue(sp, function): leave the stack for overflows to other CPUs, and call
 * function(sp) on the stack at sp, with interrupts disabled as before. The function does not
 * return.
 */
	.globl	stack_overflow_continue
stack_overflow_continue:
	movq	%rdi, %rsp
	xorl	%ebp, %ebp
	movl	$0, taken(%rip)
	call	*%rsi
	ud2

	.bss
	.balign	4096
overflow_stack_guard:
	.skip	4096
	.skip	OVERFLOW_STACK_SIZE - 16
overflow_rsp:					/* the frame's rsp; ss, which is 0 */
	.skip	16
taken:
	.skip	8

	.section .guards, "a"
	.quad	overflow_stack_guard
	.long	0, 1
