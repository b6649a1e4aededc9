/*
 * Entry of exceptions and events of a Xen PV guest. Xen has pushed what the CPU would, then r11 and rcx
 * (xen/arch-x86/xen-x86_64.h). The way back is a hypercall with a frame of its own (struct iret_context),
 * since iret at CPL 3 could not return to a CS of RPL 0.
 */
#include "pv/xen/event_vector.h"
#include <xen/xen.h>

	.macro	exception_prologue
	popq	%rcx
	popq	%r11
	.endm

#include "pv/exception_stubs.inc"

	.text
	exception_stubs xen_pv_exception_stubs, 32

/* The event callback: Xen has masked further events, and the frame is that of an exception. */
	.balign	16
	.globl	xen_pv_event_stub
xen_pv_event_stub:
	exception_prologue
	pushq	$0
	pushq	$XEN_EVENT_VECTOR
	jmp	exception_common

exception_common:
	save_regs
	call	xen_pv_vector
	restore_regs
	addq	$8, %rsp			/* the vector; the error code becomes the flags, 0 */
	movq	$0, (%rsp)
	jmp	hypercall_page + __HYPERVISOR_iret * 32
