/* SPDX-License-Identifier: MIT */
/*
 * step_detour, for test/harness/step.c: the debug exception returns here instead of to the
 * instruction at step_return. Call thread_yield, then jump to that instruction with every register
 * restored and RFLAGS.TF set. The handler cannot push the address itself, because the exception's
 * frame may be directly below the stack pointer.
 */
#include "lib/registers.inc"

#define RFLAGS_TF (1 << 8)

	.text
	.globl	step_detour
step_detour:
	pushq	step_return(%rip)
	pushfq
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	push_for_caller
	movq	%rsp, %rbp
	andq	$-16, %rsp
	call	thread_yield
	movq	%rbp, %rsp
	pop_for_caller
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rax
	orq	$RFLAGS_TF, (%rsp)
	popfq
	ret
