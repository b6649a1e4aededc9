/*
 * One of each for every op of pv/ops.def, in its order, so that an op's number finds them:
 *
 *   pv_NAME          the op as a function: a jump through its slot of the table. This is what a call site
 *                    calls until it is patched (pv/patch.c), early, or for good with "nopatch".
 *   pv_missing_stubs what an empty slot gets: a panic that names the op.
 *   pv_keep_NAME     hot ops only: calls the backend's function, which is any C function, and keeps the
 *                    registers that a C function may change, for the sake of the sites (pv/hot.h).
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

/* The same functions under the names by which tools/sites.py knows a hot op's padded site. */
#define PV_OP(class, ret, name, params, args)
#define PV_HOT(class, ret, name, params, args, length) \
	.globl pv_hot_##name, pv_length_##name; \
	.set pv_hot_##name, pv_##name; \
	.set pv_length_##name, length
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

/* read_tsc returns as rdtsc does, one half in each of two registers. */
	.macro keep name, ret
	.globl	pv_keep_\name
	.type	pv_keep_\name, @function
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
	call	*pv_functions + slot(%rip)
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
	.set	slot, slot + 8
	.endm

	.set	slot, 0
#define PV_OP(class, ret, name, params, args) .set slot, slot + 8
#define PV_HOT(class, ret, name, params, args, length) keep name, ret
#include "pv/ops.def"
