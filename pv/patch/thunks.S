/* SPDX-License-Identifier: MIT */
/*
 * What call sites call before they are patched (patch.c):
 *
 *   pv_NAME        for every op of the contract, in its order, so that an op's number gives the
 *                  address: a jump through the op's slot of the table. With "nopatch" all calls
 *                  stay calls of these.
 *   pv_hot_NAME    for every hot op: what the sites of hot.h call. It saves the registers that a C
 *                  function may change, calls the op, and restores them. Its own call of pv_NAME is
 *                  a site like others.
 *   pv_keep_NAME   another name of pv_hot_NAME, for tests that compare its address, because
 *                  tools/build/sites.py accepts no reference to pv_hot_NAME but a site's call.
 */
#include "pv/patch/templates.inc"

	.text

	.macro thunk name
	.globl	pv_\name
	.type	pv_\name, @function
pv_\name:
	jmp	*pv_ops + slot(%rip)
	.set	slot, slot + 8
	.org	pv_\name + PV_THUNK_SIZE		/* an error if it is longer */
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

/* The function of an empty slot (patch.c): its sites become ud2. */
	template_trap pv_missing
	.text

/*
 * A function that begins with "call routine" has its rest executed with the registers saved:
 * routine pushes them, calls the code after that call, restores them, and returns to the function's
 * own caller. Only the result changes: rax, or its halves in rax and rdx. kept is the number of
 * registers pushed.
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
 * Arguments and result are those of the op's C function, except for three ops whose sites have the
 * operands of the instruction: read_tsc returns half of its result in each of eax and edx, and
 * read_cr3 and write_cr3 have the address that CR3 holds where the op has a pfn.
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

/*
 * For tools/build/sites.py: the size of a thunk, and for each hot op that may have a tail, the
 * tail's size.
 */
	.globl	pv_thunk_size
	.set	pv_thunk_size, PV_THUNK_SIZE
	.macro tail_size name
	.globl	pv_tail_\name
	.set	pv_tail_\name, PV_TAIL_SIZE
	.endm
#define TAIL_SIZE(name) tail_size name;
	PV_OPS_WITH_TAIL(TAIL_SIZE)

	.globl	pv_hot_functions
pv_hot_functions:
#define PV_OP(class, ret, name, params, args)
#define PV_HOT(class, ret, name, params, args) hot name, ret, PV_LENGTH_##name
#include "pv/ops.def"
