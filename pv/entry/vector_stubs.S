/* SPDX-License-Identifier: MIT */
/*
 * The stubs: the first instructions of every exception and interrupt. The CPU gives a handler no
 * vector, so each vector has a stub of its own, which completes the upper part of a struct
 * trap_frame: it pushes 0 for the error code where the CPU pushes none, pushes the vector, and
 * jumps to the backend's entry code.
 *
 * A gate of the IDT leads past the stub's first two instructions (VECTOR_STUB_NATIVE). Xen's trap
 * table and callbacks lead to them: Xen has pushed r11 and rcx below the frame of the CPU
 * (pv/xen/pv/entry.S), and with both restored the stack is as the CPU would leave it.
 *
 * The CPU pushes an error code for some exceptions, but not if int n or an interrupt has the same
 * vector. Both happen: write_idt_entry opens a vector to int, and a device may send any vector from
 * 16 on. So these stubs test whether there is one. The CPU aligns the stack to 16 bytes before it
 * pushes five words, or six with an error code (Intel SDM vol. 3, section 6.14.2). With the vector
 * on top, %rsp is a multiple of 16 if and only if the error code is missing. Xen does the same.
 *
 * #DB, NMI, #DF and #MC have entry code of their own, because they can come in the middle of the
 * other: on bare metal they have stacks of their own, too.
 */
#include "pv/trap_frame.h"

#define HAS_ERROR_CODE(v) \
	((v) == VECTOR_DF || ((v) >= VECTOR_TS && (v) <= VECTOR_PF) || (v) == VECTOR_AC || \
	 (v) == VECTOR_CP || (v) == VECTOR_VC || (v) == VECTOR_SX)
#define IS_ISOLATED(v) \
	((v) == VECTOR_DB || (v) == VECTOR_NMI || (v) == VECTOR_DF || (v) == VECTOR_MC)

	.macro	vector_stub vector
	popq	%rcx				/* Xen PV enters here */
	popq	%r11
	.if	HAS_ERROR_CODE(\vector)		/* VECTOR_STUB_NATIVE: the CPU enters here */
	pushq	$\vector
	.if	IS_ISOLATED(\vector)
	jmp	error_code_isolated
	.else
	jmp	error_code_common
	.endif
	.else
	pushq	$0
	pushq	$\vector
	.if	IS_ISOLATED(\vector)
	jmp	isolated
	.else
	jmp	common
	.endif
	.endif
	.org	pv_vector_stubs + (\vector + 1) * VECTOR_STUB_SIZE, 0xcc
	.endm

/* Insert 0 below the vector, which is on top, unless the CPU has pushed an error code. */
	.macro	insert_error_code
	testb	$8, %spl
	jnz	1f
	pushq	(%rsp)
	movq	$0, 8(%rsp)
1:
	.endm

	.text
	.balign	16
	.globl	pv_vector_stubs
pv_vector_stubs:
	.altmacro				/* %number is the number's value */
	.set	number, 0
	.rept	VECTOR_STUBS
	vector_stub %number
	.set	number, number + 1
	.endr
	.noaltmacro
error_code_common:
	insert_error_code
common:
	jmp	*pv_vector_entry(%rip)
error_code_isolated:
	insert_error_code
isolated:
	jmp	*pv_vector_entry_isolated(%rip)
