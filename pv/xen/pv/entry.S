/* SPDX-License-Identifier: MIT */
/*
 * Entry and exit of a Xen PV guest's kernel.
 *
 * Entry. Xen leaves this on the stack (create_bounce_frame in Xen's entry.S;
 * xen/arch-x86/xen-x86_64.h). If user mode was interrupted it has also exchanged the %gs bases and
 * switched to the kernel's root page table. It has masked events if the trap table or the callback
 * asks for it. It aligned the stack pointer to 16 bytes before the first push.
 *
 *	ss
 *	rsp
 *	rflags		IF is made from the event mask: set if events were enabled
 *	cs		RPL 0 if kernel mode was interrupted; bits 32 to 39 are the old event mask
 *	rip
 *	error code	exceptions that have one only
 *	r11
 *	rcx		<- rsp
 *
 * r11 and rcx are there because Xen enters the guest by sysret, which needs these registers.
 *
 * Exit. The kernel runs at CPL 3, where iretq can neither enter user mode with its own page tables
 * nor clear the event mask in the same step. The hypercall iret does all of it: it takes a frame
 * from the stack (struct iret_context), makes the event mask from IF of rflags, exchanges the %gs
 * bases and the root if cs has RPL 3, and returns there.
 */
#include "pv/entry/trap_frame.inc"
#include <xen/xen.h>

#define XENVER_version 0			/* xen/version.h has C in it */

#define IRET_CS 16				/* from the flags word on, see below */
#define IRET_SS 40

/*
 * Return to the frame at %rbx, of kernel or user mode. struct iret_context begins with rax, r11 and
 * rcx, which the iret entry of the hypercall page pushes; then comes a flags word, at which the
 * stack pointer is here, in the place of the error code: 0. Then come rip, cs, rflags, rsp and ss.
 *
 * A frame of user mode with a null ss must fail as iretq fails natively: #GP with error code 0, at
 * the instruction that returns, with all registers unchanged. Xen would accept it, so read an
 * address that is not canonical instead.
 */
	.macro	return_to_frame
	restore_regs
	addq	$8, %rsp
	testl	$0xfffc, IRET_SS(%rsp)
	jz	2f
1:	movq	$0, (%rsp)
	jmp	hypercall_page + __HYPERVISOR_iret * 32
2:	testb	$3, IRET_CS(%rsp)
	jz	1b
	movabsb	0x8000000000000000, %al
	jmp	2b
	.endm

	.text
	.globl	xen_pv_entry_start, xen_pv_entry_end, xen_pv_exception, xen_pv_exception_isolated

/*
 * #DB has code of its own. With shared code, a hardware breakpoint there would raise #DB again on
 * the way to the handler that could remove it, without end.
 */
xen_pv_exception_isolated:
	save_regs
	call	xen_pv_vector
	return_to_frame

xen_pv_entry_start:

/*
 * The failsafe callback's frame has four words more between r11 and rip: ds, es, fs and gs as they
 * were. Drop them, which leaves a frame without an error code.
 */
	.globl	xen_pv_failsafe_stub
xen_pv_failsafe_stub:
	popq	%rcx
	popq	%r11
	addq	$32, %rsp
	jmp	pv_vector_stubs + VECTOR_FAILSAFE * VECTOR_STUB_SIZE + VECTOR_STUB_NATIVE

xen_pv_exception:
	save_regs
	call	xen_pv_vector

frame_return:
	return_to_frame

	.globl	xen_pv_iret
xen_pv_iret:
	copy_frame
	jmp	frame_return

/*
 * Return from a system call. Do not set VGCF_in_syscall in the flags word, by which Xen would
 * return by sysret: user mode would get Xen's own selectors in cs and ss, and, whenever an event is
 * pending, in rcx and r11 what the hypercall left there, among it an address of the kernel.
 */
	.globl	xen_pv_sysret
xen_pv_sysret:
	copy_frame
	movq	TRAP_FRAME_RIP(%rbx), %rax
	movq	%rax, TRAP_FRAME_RCX(%rbx)
	movq	TRAP_FRAME_RFLAGS(%rbx), %rax
	movq	%rax, TRAP_FRAME_R11(%rbx)
	jmp	frame_return
xen_pv_entry_end:

/*
 * Enter Xen by a hypercall that does nothing else, so that Xen calls the event callback on the way
 * back if an event is pending. Keep every register: patched sites (templates.S) call this from the
 * middle of C code, without the compiler's knowledge.
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
	incq	xen_hypercalls_by + 8 * __HYPERVISOR_xen_version
	call	hypercall_page + __HYPERVISOR_xen_version * 32
	popq	%r11
	popq	%rsi
	popq	%rdi
	popq	%rcx
	popq	%rax
	ret
