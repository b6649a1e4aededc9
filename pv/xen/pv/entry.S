/*
 * Exception entry of a Xen PV guest. Xen has pushed what the CPU would, then r11 and rcx
 * (xen/arch-x86/xen-x86_64.h). The way back is a hypercall with a frame of its own (struct iret_context),
 * since iret at CPL 3 could not return to a CS of RPL 0.
 */
#include <xen/xen.h>

	.macro	exception_prologue
	popq	%rcx
	popq	%r11
	.endm

#include "pv/exception_stubs.inc"

	.text
	exception_stubs xen_pv_exception_stubs

exception_common:
	save_regs
	call	xen_pv_exception
	restore_regs
	addq	$8, %rsp			/* the vector; the error code becomes the flags, 0 */
	movq	$0, (%rsp)
	jmp	hypercall_page + __HYPERVISOR_iret * 32
