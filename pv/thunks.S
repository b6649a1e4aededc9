/*
 * Of every op of pv/ops.def, in its order, so that an op's number finds them:
 *
 *   pv_NAME          the op as a function: a jump through its slot of the table. This is what a call site
 *                    calls until it is patched (pv/patch.c), early, or for good with "nopatch".
 *   pv_missing_stubs what an empty slot gets: a panic that names the op.
 *
 * And of hot ops:
 *
 *   pv_hot_NAME      what the sites of pv/hot.h call: the op, which may be any C function, and around it what
 *                    keeps the registers that such a function may change. Its own call is a site like others.
 *                    Whoever wants its address and calls it not uses its other name, pv_keep_NAME.
 */
	.text

	.macro thunk name
	.globl	pv_\name
	.type	pv_\name, @function
pv_\name:
	jmp	*pv_ops + slot(%rip)
	.balign	8, 0xcc
	.set	slot, slot + 8
	.endm

	.balign	8, 0xcc
	.globl	pv_thunks
pv_thunks:
	.set	slot, 0
#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args) thunk name
#include "pv/ops.def"
#undef PV_OP

	.macro missing name
	movl	$slot, %edi
	jmp	pv_missing
	.balign	16, 0xcc
	.set	slot, slot + 1
	.endm

	.balign	16, 0xcc
	.globl	pv_missing_stubs
pv_missing_stubs:
	.set	slot, 0
#define PV_OP(class, ret, name, params, args) missing name
#include "pv/ops.def"
#undef PV_OP

/*
 * Arguments and result are a C function's, but for three ops, whose sites are the instruction's own: read_tsc has
 * one half of its result in each of two registers, and the roots are as CR3 holds them, an address.
 */
	.macro hot name, ret, length
	.globl	pv_hot_\name, pv_keep_\name, pv_length_\name
	.set	pv_length_\name, \length	/* for tools/sites.py */
	.type	pv_hot_\name, @function
pv_hot_\name:
pv_keep_\name:
	.ifc	\ret, void
	pushq	%rax
	.endif
	.ifnc	\name, read_tsc
	pushq	%rdx
	.endif
	pushq	%rcx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	.ifc	\name, write_root
	shrq	$12, %rdi
	.endif
	call	pv_\name
	.ifc	\name, read_root
	shlq	$12, %rax
	.endif
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rcx
	.ifc	\name, read_tsc
	movq	%rax, %rdx
	shrq	$32, %rdx
	.else
	popq	%rdx
	.endif
	.ifc	\ret, void
	popq	%rax
	.endif
	ret
	.endm

#define PV_OP(class, ret, name, params, args)
#define PV_HOT(class, ret, name, params, args, length) hot name, ret, length
#include "pv/ops.def"
