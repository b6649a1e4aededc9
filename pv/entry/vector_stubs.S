/*
 * Where vectors arrive: a stub for each, which is a call, so that the address it pushes tells the vector
 * (trap_frame_number). The calls lead on to the backend's entry code (entry.S), by a way of their own for the
 * vectors that may come where the other code is in the midst of its work: on bare metal they have stacks of their
 * own.
 */
#include "pv/trap_frame.h"

#define IS_ISOLATED(v) ((v) == 1 || (v) == 2 || (v) == 8 || (v) == 18) /* #DB, NMI, #DF, #MC */

	.text
	.globl	pv_vector_stubs
pv_vector_stubs:
	.set	vector, 0
	.rept	VECTOR_STUBS
	.if	IS_ISOLATED(vector)
	call	isolated
	.else
	call	common
	.endif
	.set	vector, vector + 1
	.endr
common:
	jmp	*pv_vector_entry(%rip)
isolated:
	jmp	*pv_vector_entry_isolated(%rip)
