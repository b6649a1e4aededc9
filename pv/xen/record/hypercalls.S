/* SPDX-License-Identifier: MIT */
/*
 * What a function of pv/xen/hypercall.S jumps to instead of the hypercall page while hypercalls are
 * recorded: for each number a stub, and one routine for all of them.
 */
#include "pv/record/stubs.h"

	.text
	.globl	record_hypercall_stubs
	.balign	RECORD_STUB_SIZE
record_hypercall_stubs:
	.set	number, 0
	.rept	RECORD_HYPERCALLS
	.balign	RECORD_STUB_SIZE
	movl	$number, %eax
	jmp	record_hypercall
	.set	number, number + 1
	.endr

/*
 * Record hypercall number %eax with its arguments, make it, and record its result. The arguments
 * are stored as record_hypercall_enter reads them, in ascending order.
 */
	.type	record_hypercall, @function
record_hypercall:
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	%r9
	pushq	%r8
	pushq	%r10
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%rax		/* the number */
	pushq	%rax		/* the call's sequence, then the result */
	movl	%eax, %edi
	leaq	16(%rsp), %rsi
	call	record_hypercall_enter
	movq	%rax, (%rsp)
	movq	8(%rsp), %rax
	movq	16(%rsp), %rdi
	movq	24(%rsp), %rsi
	movq	32(%rsp), %rdx
	movq	40(%rsp), %r10
	movq	48(%rsp), %r8
	movq	56(%rsp), %r9
	shlq	$5, %rax
	addq	$hypercall_page, %rax
	call	*%rax
	movq	8(%rsp), %rdi
	leaq	16(%rsp), %rsi
	movq	(%rsp), %rdx
	movq	%rax, %rcx
	movq	%rax, (%rsp)
	call	record_hypercall_exit
	movq	(%rsp), %rax
	leave
	ret
	.size	record_hypercall, . - record_hypercall

/* u64 record_copy(void *to, const void *from, u64 size) */
	.globl	record_copy, record_copy_instruction
	.type	record_copy, @function
record_copy:
	movq	%rdx, %rcx
record_copy_instruction:
	rep movsb
record_copy_end:
	movq	%rcx, %rax
	ret
	.size	record_copy, . - record_copy

	.section .ex_table, "a"
	.long	record_copy_instruction - .
	.long	record_copy_end - .
