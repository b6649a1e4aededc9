/*
 * Entry and exit of a Xen PV guest's kernel. Xen has pushed what the CPU would, then r11 and rcx
 * (xen/arch-x86/xen-x86_64.h), has exchanged %gs and masked events. The way back is a hypercall with a
 * frame of its own (struct iret_context), since iret at CPL 3 could not return to a CS of RPL 0.
 */
#include "pv/selectors.h"
#include <xen/xen.h>

#define XENVER_version 0			/* xen/version.h has C in it */

	.macro	exception_prologue
	popq	%rcx
	popq	%r11
	.endm

	.macro	exception_jump vector
	.if	\vector == 1
	jmp	exception_debug
	.else
	jmp	exception_common
	.endif
	.endm

#include "pv/exception_stubs.inc"

	.text
	.globl	xen_pv_entry_start, xen_pv_entry_end
	exception_stubs xen_pv_vector_stubs, 256

/*
 * #DB shares no code with the others: a breakpoint on what it would share would raise it again, without end,
 * before its handler can take the breakpoint away.
 */
exception_debug:
	save_regs
	call	xen_pv_vector
	restore_regs
	addq	$8, %rsp
	movq	$0, (%rsp)
	jmp	hypercall_page + __HYPERVISOR_iret * 32

xen_pv_entry_start:

/* Callbacks: the frame is that of an exception without an error code. */
	.macro	callback_stub name, vector
	.balign	16
	.globl	\name
\name:
	exception_prologue
	pushq	$0
	pushq	$\vector
	jmp	exception_common
	.endm

	callback_stub xen_pv_event_stub, VECTOR_EVENT
	callback_stub xen_pv_syscall_stub, VECTOR_SYSCALL
	callback_stub xen_pv_syscall32_stub, VECTOR_SYSCALL32
	callback_stub xen_pv_sysenter_stub, VECTOR_SYSENTER

/* Between r11 and rip lie the selectors that could not be loaded: ds, es, fs, gs. */
	.balign	16
	.globl	xen_pv_failsafe_stub
xen_pv_failsafe_stub:
	exception_prologue
	addq	$32, %rsp
	pushq	$0
	pushq	$VECTOR_FAILSAFE
	jmp	exception_common

exception_common:
	save_regs
	call	xen_pv_vector

/* %rbx = frame. Where it leads to, Xen sees by its cs. */
frame_return:
	restore_regs
	addq	$8, %rsp			/* the vector; the error code becomes the flags, 0 */
	movq	$0, (%rsp)
	jmp	hypercall_page + __HYPERVISOR_iret * 32

	.globl	xen_pv_iret
xen_pv_iret:
	copy_frame
	jmp	frame_return

/* With VGCF_in_syscall Xen returns by sysret, and does not restore rcx and r11. */
	.globl	xen_pv_sysret
xen_pv_sysret:
	copy_frame
	restore_regs
	addq	$8, %rsp
	movq	$VGCF_in_syscall, (%rsp)
	jmp	hypercall_page + __HYPERVISOR_iret * 32
xen_pv_entry_end:

/*
 * Any hypercall that does little: Xen makes the upcall on the way back from it. Keeps every register, since it
 * is called from the midst of C code (forms.S).
 */
	.globl	xen_pv_force_upcall
xen_pv_force_upcall:
	pushq	%rax
	pushq	%rcx
	pushq	%rdi
	pushq	%rsi
	pushq	%r11
	movl	$XENVER_version, %edi
	xorl	%esi, %esi
	incq	xen_hypercalls
	call	hypercall_page + __HYPERVISOR_xen_version * 32
	popq	%r11
	popq	%rsi
	popq	%rdi
	popq	%rcx
	popq	%rax
	ret
