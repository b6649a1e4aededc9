/*
 * For test/harness/step.c: step_detour is reached in place of the instruction at step_return. It calls thread_yield and jumps
 * there with every register as it was, and with RFLAGS.TF set. The handler cannot put the address on the stack: the
 * exception's frame may be next to it.
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
