/*
 * Native entry of exceptions and interrupts. The CPU has pushed ss, rsp, rflags, cs, rip and for some vectors an error code
 * (Intel SDM vol. 3, section 6.14): there is nothing to put right first.
 */
	.macro	exception_prologue
	.endm

#include "pv/exception_stubs.inc"

	.text
	exception_stubs native_vector_stubs, 256

exception_common:
	save_regs
	call	native_vector
	restore_regs
	addq	$16, %rsp			/* vector and error code */
	iretq
