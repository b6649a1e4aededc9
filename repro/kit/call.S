/* SPDX-License-Identifier: MIT */
/*
 * Calls in which every register counts. These macros use the layout of struct kit_regs
 * (repro/kit.h); the stack pointer stays the kernel's.
 */
#include "lib/address_map.h"
#include "lib/registers.inc"
#include "pv/selectors.h"

	.macro	load_kit_regs		/* from (%rdi) */
	movq	0(%rdi), %rax
	movq	8(%rdi), %rbx
	movq	16(%rdi), %rcx
	movq	24(%rdi), %rdx
	movq	32(%rdi), %rsi
	movq	48(%rdi), %rbp
	movq	56(%rdi), %r8
	movq	64(%rdi), %r9
	movq	72(%rdi), %r10
	movq	80(%rdi), %r11
	movq	88(%rdi), %r12
	movq	96(%rdi), %r13
	movq	104(%rdi), %r14
	movq	112(%rdi), %r15
	movq	40(%rdi), %rdi
	.endm

	/* Store the registers to the address in memory at \regs. pushq %rdi moves it by 8. */
	.macro	store_kit_regs regs
	pushq	%rdi
	movq	\regs, %rdi
	movq	%rax, 0(%rdi)
	movq	%rbx, 8(%rdi)
	movq	%rcx, 16(%rdi)
	movq	%rdx, 24(%rdi)
	movq	%rsi, 32(%rdi)
	popq	40(%rdi)
	movq	%rbp, 48(%rdi)
	movq	%r8, 56(%rdi)
	movq	%r9, 64(%rdi)
	movq	%r10, 72(%rdi)
	movq	%r11, 80(%rdi)
	movq	%r12, 88(%rdi)
	movq	%r13, 96(%rdi)
	movq	%r14, 104(%rdi)
	movq	%r15, 112(%rdi)
	.endm

	.text
/* void kit_call_regs(struct kit_regs *regs, const void *code): code ends by ret. */
	.globl	kit_call_regs
kit_call_regs:
	push_for_caller
	pushq	%rdi
	pushq	%rsi
	load_kit_regs
	call	*(%rsp)
	store_kit_regs 16(%rsp)
	addq	$16, %rsp
	pop_for_caller
	ret

	.globl	kit_do_syscall, kit_do_vmcall, kit_do_vmmcall
kit_do_syscall:
	syscall
	ret
kit_do_vmcall:
	vmcall
	ret
kit_do_vmmcall:
	vmmcall
	ret

/*
 * void kit_call_compat(struct kit_regs *regs): to kit_compat_target, in compatibility mode, which
 * ends by a far jump to kit_compat_back, at its low address. From there on all is 64-bit code
 * again, but the upper half of %rsp may be lost.
 */
	.globl	kit_call_compat, kit_compat_back, kit_compat_target
kit_call_compat:
	push_for_caller
	pushq	%rdi
	movq	%rsp, compat_rsp(%rip)
	load_kit_regs
	ljmpl	*kit_compat_target(%rip)

kit_compat_back:
	jmp	*compat_return(%rip)

compat_high:
	movq	compat_rsp(%rip), %rsp
	store_kit_regs 8(%rsp)
	addq	$8, %rsp
	pop_for_caller
	ret

	.section .rodata
	.balign	8
compat_return:
	.quad	compat_high

	.data
	.balign	8
compat_rsp:
	.quad	0
kit_compat_target:
	.long	0
	.short	0
