/*
 * For assembly: the parts of exception entry that all backends share. Includers define the macro
 * exception_prologue, which brings the stack to where the CPU's own frame starts.
 */
#include "pv/trap_frame.h"

#define NR_EXCEPTIONS 32
/* Intel SDM vol. 3, table 6-1, and AMD APM vol. 2, table 8-1 (#VC, #SX). */
#define HAS_ERROR_CODE(v) \
	((v) == 8 || ((v) >= 10 && (v) <= 14) || (v) == 17 || (v) == 21 || (v) == 29 || (v) == 30)

	.macro	one_exception_stub table, vector
	.balign	16
\table\()_\vector:
	exception_prologue
	.if	!HAS_ERROR_CODE(\vector)
	pushq	$0
	.endif
	pushq	$\vector
	jmp	exception_common
	.pushsection .rodata.\table, "a"
	.quad	\table\()_\vector
	.popsection
	.endm

/* NR_EXCEPTIONS stubs that lead to exception_common, and their addresses as the array \table. */
	.macro	exception_stubs table
	.pushsection .rodata.\table, "a"
	.balign	8
	.globl	\table
\table:
	.popsection
	.altmacro
	.set	vector, 0
	.rept	NR_EXCEPTIONS
	one_exception_stub \table, %vector
	.set	vector, vector + 1
	.endr
	.noaltmacro
	.endm

/* Completes the struct trap_frame and leaves its address in %rdi and %rbx. */
	.macro	save_regs
	pushq	%rdi
	pushq	%rsi
	pushq	%rdx
	pushq	%rcx
	pushq	%rax
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	cld
	movq	%rsp, %rdi
	movq	%rsp, %rbx
	andq	$-16, %rsp
	.endm

/* Undoes save_regs, the frame being at %rbx; leaves %rsp at the frame's vector. */
	.macro	restore_regs
	movq	%rbx, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rax
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
	.endm
