/* SPDX-License-Identifier: MIT */
/*
 * For test/patch/sites.c.
 *
 * u64 sites_keep_NAME(u64 first, u64 second), one for each hot op: every register but %rsp holds a
 * pattern when the op is called with these arguments; returns how many registers the op changed
 * that it must not.
 */
#include "lib/registers.inc"
#include "pv/patch/lengths.h"
#include "test/harness/patterns.inc"

	.macro	each_but_rax_rdx m
	\m rbx, 1
	\m rcx, 2
	\m rbp, 3
	\m r8, 4
	\m r9, 5
	\m r10, 6
	\m r11, 7
	\m r12, 8
	\m r13, 9
	\m r14, 10
	\m r15, 11
	.endm

	.macro	check_argument reg, n
	cmpq	arguments + 8 * \n(%rip), %\reg
	je	1f
	incq	changed(%rip)
1:
	.endm

	.macro	keep_test name, ret, length
	.globl	sites_keep_\name
sites_keep_\name:
	push_for_caller
	movq	$0, changed(%rip)
	movq	%rdi, arguments(%rip)
	movq	%rsi, arguments + 8(%rip)
	load	rax, 12
	load	rdx, 13
	each_but_rax_rdx load
	.if	\length > PV_INSTRUCTION_MAX	/* pv/patch/hot.h: what a site looks like */
	.fill	\length - PV_INSTRUCTION_MAX, 1, 0x90
	.fill	PV_INSTRUCTION_MAX - PV_BRANCH_LENGTH, 1, 0x2e
	.else
	.fill	\length - PV_BRANCH_LENGTH, 1, 0x2e
	.endif
	call	pv_hot_\name
	each_but_rax_rdx check
	.ifc	\ret, void
	check	rax, 12
	.endif
	.ifnc	\name, read_tsc
	check	rdx, 13
	.endif
	check_argument rdi, 0
	check_argument rsi, 1
	pop_for_caller
	movq	changed(%rip), %rax
	ret
	.endm

	.text
#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args)
#define PV_HOT(class, ret, name, params, args) keep_test name, ret, PV_LENGTH_##name
#include "pv/ops.def"

/* Room for the tails of the two ops that may have one. */
	.section .pv_tails, "ax", @progbits
	.skip	2 * PV_TAIL_SIZE, 0xcc

/* Calls as assembly makes them: from the end of a function, and not lengthened. */
	.text
	.globl	sites_tail_save_fl, sites_tail_make_pte
	.globl	sites_tail_irq_disable, sites_tail_flush_tlb_one
sites_tail_save_fl:
	jmp	pv_save_fl
sites_tail_make_pte:
	jmp	pv_make_pte
sites_tail_irq_disable:
	jmp	pv_irq_disable
sites_tail_flush_tlb_one:
	jmp	pv_flush_tlb_one
	.globl	sites_call_save_fl, sites_call_make_pte, sites_call_cpu_count
sites_call_save_fl:
	call	pv_save_fl
	ret
sites_call_make_pte:
	call	pv_make_pte
	ret
sites_call_cpu_count:
	call	pv_cpu_count
	ret

	.bss
	.balign	8
arguments:
	.skip	16
