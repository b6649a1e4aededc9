/* SPDX-License-Identifier: MIT */
/*
 * u64 wait_with_patterns(const bool *flag): load a pattern into every register but %rsp, spin until
 * *flag is set, and return how many registers have changed. Interrupts
 * may use the stack below %rsp.
 */
#include "lib/registers.inc"
#include "test/harness/patterns.inc"

	.macro	for_each_register m
	\m rax, 1
	\m rbx, 2
	\m rcx, 3
	\m rdx, 4
	\m rsi, 5
	\m rbp, 6
	\m r8, 7
	\m r9, 8
	\m r10, 9
	\m r11, 10
	\m r12, 11
	\m r13, 12
	\m r14, 13
	\m r15, 14
	.endm

	.text
	.globl	wait_with_patterns
wait_with_patterns:
	push_for_caller
	movq	$0, changed(%rip)
	movq	%rdi, watched(%rip)
	for_each_register load
2:	cmpb	$0, (%rdi)
	je	2b
	cmpq	watched(%rip), %rdi
	je	3f
	incq	changed(%rip)
3:	for_each_register check
	pop_for_caller
	movq	changed(%rip), %rax
	ret

	.bss
	.balign	8
watched:
	.skip	8
