/*
 * Entry and exit of a Xen PV guest's kernel. Xen has pushed what the CPU would, then r11 and rcx
 * (xen/arch-x86/xen-x86_64.h), has exchanged %gs and masked events. The way back is a hypercall with a
 * frame of its own (struct iret_context), since iret at CPL 3 could not return to a CS of RPL 0.
 */
#include "pv/entry/trap_frame.inc"
#include <xen/xen.h>

#define XENVER_version 0			/* xen/version.h has C in it */

/*
 * At a stub's call (pv/entry/vector_stubs.S), which has pushed its address below rcx and r11: completes the frame, that
 * address being its vector. Whether Xen pushed an error code, the stack pointer tells, which it aligned to 16 bytes
 * before, as the CPU does.
 */
	.macro	begin_frame
	movq	8(%rsp), %rcx
	movq	16(%rsp), %r11
	testb	$8, %spl
	jnz	1f
	movq	$0, 16(%rsp)
	popq	(%rsp)				/* to where rcx was */
	jmp	2f
1:	popq	8(%rsp)				/* to where r11 was */
	addq	$8, %rsp
2:	save_regs
	.endm

#define IRET_CS 16				/* in struct iret_context without its registers */
#define IRET_SS 40

/*
 * %rbx = frame. Where it leads to, Xen sees by its cs. The error code becomes the flags: none. A frame of user mode
 * with a null ss is not for Xen: user mode cannot have one. As an iretq of the kernel's would, it ends in #GP with
 * error code 0, here by a read of an address that is not canonical, and no register changes.
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
 * #DB shares no code with the others: a breakpoint on what it would share would raise it again, without end,
 * before its handler can take the breakpoint away.
 */
xen_pv_exception_isolated:
	begin_frame
	call	xen_pv_vector
	return_to_frame

xen_pv_entry_start:

/* Between r11 and rip lie the selectors that could not be loaded: ds, es, fs, gs. */
	.globl	xen_pv_failsafe_stub
xen_pv_failsafe_stub:
	popq	%rcx
	popq	%r11
	addq	$32, %rsp
	pushq	%r11
	pushq	%rcx
	jmp	pv_vector_stubs + VECTOR_FAILSAFE * VECTOR_STUB_SIZE

xen_pv_exception:
	begin_frame
	call	xen_pv_vector

frame_return:
	return_to_frame

	.globl	xen_pv_iret
xen_pv_iret:
	copy_frame
	jmp	frame_return

/*
 * Not with VGCF_in_syscall, by which Xen would return by sysret: user mode would find Xen's own selectors in cs and
 * ss, and in rcx and r11 what the hypercall left there, an address of the kernel's, whenever an event is pending.
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
 * Any hypercall that does little: Xen makes the upcall on the way back from it. Keeps every register, since it
 * is called from the midst of C code (templates.S).
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
