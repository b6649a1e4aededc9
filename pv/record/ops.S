/* SPDX-License-Identifier: MIT */
/*
 * The functions that recording puts into the op table: for each op a stub of OP_STUB_SIZE bytes,
 * in the order of the contract. Every op takes at most three arguments, each in a register, and
 * returns at most one word, so one routine serves all.
 */
#include "pv/record/stubs.h"

	.text
	.macro op_stub
	.balign	RECORD_STUB_SIZE
	movl	$number, %eax
	jmp	record_op
	.set	number, number + 1
	.endm

	.globl	record_op_stubs
	.balign	RECORD_STUB_SIZE
record_op_stubs:
	.set	number, 0
#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args) op_stub
#include "pv/ops.def"
#undef PV_OP

/*
 * Record op number %eax with its arguments, call it, and record its result. The arguments are
 * stored as record_op_enter reads them, in ascending order.
 */
	.type	record_op, @function
record_op:
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%rax		/* the number */
	subq	$16, %rsp	/* the call's sequence, the result */
	movl	%eax, %edi
	leaq	24(%rsp), %rsi
	call	record_op_enter
	movq	%rax, (%rsp)
	movq	16(%rsp), %rax
	movq	24(%rsp), %rdi
	movq	32(%rsp), %rsi
	movq	40(%rsp), %rdx
	call	*record_real(, %rax, 8)
	movq	%rax, 8(%rsp)
	movq	16(%rsp), %rdi
	movq	(%rsp), %rsi
	movq	%rax, %rdx
	call	record_op_exit
	movq	8(%rsp), %rax
	leave
	ret
	.size	record_op, . - record_op
