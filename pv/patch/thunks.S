/*
 * Of every op of the contract, in its order, so that an op's number finds it:
 *
 *   pv_NAME          the op as a function: a jump through its slot of the table. This is what a call site
 *                    calls until it is patched (pv/patch/patch.c), early, or for good with "nopatch".
 *
 * And of hot ops:
 *
 *   pv_hot_NAME      what the sites of pv/patch/hot.h call: the op, which may be any C function, and around it what
 *                    keeps the registers that such a function may change. Its own call is a site like others.
 *                    Whoever wants its address and calls it not uses its other name, pv_keep_NAME.
 */
#include "pv/patch/templates.inc"

	.text

	.macro thunk name
	.globl	pv_\name
	.type	pv_\name, @function
pv_\name:
	jmp	*pv_ops + slot(%rip)
	.set	slot, slot + 8
	.endm

	.globl	pv_thunks, pv_thunks_end
pv_thunks:
	.set	slot, 0
#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args) thunk name
#include "pv/ops.def"
#undef PV_OP
pv_thunks_end:

/* What an empty slot leads to (pv/patch/patch.c): its sites are a trap. */
	form_trap pv_missing
	.text

/*
 * Called first by a function: calls what follows there, and returns to the function's caller with all registers as
 * they were, but for the result in rax, or its halves in rax and rdx. kept is how many it pushes.
 */
	.macro	keep routine, kept, in_rax, in_rdx
\routine:
	.ifb	\in_rax
	pushq	%rax
	.endif
	.ifb	\in_rdx
	pushq	%rdx
	.endif
	pushq	%rcx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	call	*8 * \kept(%rsp)
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rcx
	.ifb	\in_rdx
	popq	%rdx
	.else
	movq	%rax, %rdx
	shrq	$32, %rdx
	.endif
	.ifb	\in_rax
	popq	%rax
	.endif
	addq	$8, %rsp
	ret
	.endm

	keep	keep_all, 9
	keep	save_regs_except_rax, 8, result
	keep	keep_for_halves, 7, result, result

/*
 * Arguments and result are a C function's, but for three ops, whose sites are the instruction's own: read_tsc has
 * one half of its result in each of two registers, and the roots are as CR3 holds them, an address.
 */
	.macro hot name, ret, length
	.globl	pv_hot_\name, pv_keep_\name, pv_length_\name
	.set	pv_length_\name, \length	/* for tools/build/sites.py */
	.type	pv_hot_\name, @function
pv_hot_\name:
pv_keep_\name:
	.ifc	\ret, void
	call	keep_all
	.else
	.ifc	\name, read_tsc
	call	keep_for_halves
	.else
	call	save_regs_except_rax
	.endif
	.endif
	.ifc	\name, write_cr3
	shrq	$12, %rdi
	.endif
	call	pv_\name
	.ifc	\name, read_cr3
	shlq	$12, %rax
	.endif
	ret
	.org	pv_hot_\name + PV_HOT_SIZE, 0xcc	/* an error if it is larger */
	.endm

	.globl	pv_hot_functions
pv_hot_functions:
#define PV_OP(class, ret, name, params, args)
#define PV_HOT(class, ret, name, params, args) hot name, ret, PV_LENGTH_##name
#include "pv/ops.def"
