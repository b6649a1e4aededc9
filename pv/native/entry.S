/*
 * Native entry and exit: exceptions and interrupts, system calls, and the ways to user mode.
 *
 * The CPU has pushed ss, rsp, rflags, cs, rip and for some vectors an error code (Intel SDM vol. 3, section
 * 6.14). While the kernel runs, %gs has the kernel's base: whoever comes from user mode exchanges it first,
 * whoever goes there exchanges it last. #DB, NMI, #DF and #MC can come between the two, where the frame says
 * kernel mode but %gs is the user's; they have stacks of their own, on top of which lies the kernel's base.
 *
 * A gate clears TF, NT, RF and VM, and IF; DF and AC stay as user mode set them (Intel SDM vol. 3, section
 * 6.12.1.3). The kernel needs both clear: DF for C code, AC because SMAP does not hold while it is set.
 */
#include <asm-offsets.h>
#include "pv/selectors.h"
#include "pv/entry/trap_frame.inc"
#include "pv/x86.h"

#define IRET_CS 8			/* in what iretq loads: rip, cs, rflags, rsp, ss */

/*
 * After a stub (pv/entry/vector_stubs.S): complete the frame and leave its address in %rdi and %rbx. The zero flag is
 * set if the kernel was interrupted.
 */
	.macro	begin_frame
	save_regs
	cmpb	$0, native_have_smap(%rip)
	je	1f
	clac
1:	testl	$RFLAGS_VM, TRAP_FRAME_RFLAGS(%rbx)
	jz	1f
	orb	$3, TRAP_FRAME_CS(%rbx)		/* a selector of virtual-8086 mode has no RPL: it is a user's */
1:	testb	$3, TRAP_FRAME_CS(%rbx)
	.endm

/* ring 3 is to have the IOPL that set_iopl says, whatever the frame at %rbx says. */
	.macro	set_frame_iopl
	movq	%gs:CPU_AREA_USER_IOPL, %rax
	andq	$~RFLAGS_IOPL, TRAP_FRAME_RFLAGS(%rbx)
	orq	%rax, TRAP_FRAME_RFLAGS(%rbx)
	.endm

	.text
	.globl	native_entry_start, native_entry_end, native_exception, native_exception_own_stack
native_entry_start:

native_exception:
	begin_frame
	jnz	1f
	cmpq	$native_iret_instruction, TRAP_FRAME_RIP(%rbx)
	jne	2f
	movq	TRAP_FRAME_RSP(%rbx), %rax	/* iretq itself faulted, and left its frame on the stack */
	testb	$3, IRET_CS(%rax)
	jz	2f				/* else: to user mode, so %gs is exchanged already */
1:	swapgs
2:	call	native_vector

/* %rbx = frame. Interrupts are disabled from here to the end. */
frame_return:
	cli
	testb	$3, TRAP_FRAME_CS(%rbx)
	jz	1f
	set_frame_iopl
	swapgs
1:	restore_regs
	addq	$16, %rsp			/* vector and error code */
	.globl	native_iret_instruction
native_iret_instruction:
	iretq

/*
 * From user mode these continue on the stack of load_sp0, as the others do. From the kernel they stay on the stack of
 * their own: %gs may have either base, and gets it back if the handler leaves rip alone, that is, if the interrupted
 * code continues. If the handler leads the frame elsewhere, the kernel's base stays, and the user's goes where swapgs
 * will find it.
 *
 * The stack's limit is the interrupted code's and does not hold for a stack of their own: it is lifted in the
 * meantime, which costs nothing, because a page that is not mapped is below each. The way back to interrupted code
 * shares no instruction with the other ways: a breakpoint there would raise #DB on the stack that it is leaving.
 */
native_exception_own_stack:
	begin_frame
	jnz	own_stack_from_user
	movl	$MSR_GS_BASE, %ecx
	rdmsr
	movl	%eax, %r12d
	movl	%edx, %r13d
	movl	TRAP_FRAME_SIZE(%rbx), %eax
	movl	TRAP_FRAME_SIZE + 4(%rbx), %edx
	wrmsr
	movq	%gs:CPU_AREA_STACK_LIMIT, %r14
	movq	$0, %gs:CPU_AREA_STACK_LIMIT
	movq	TRAP_FRAME_RIP(%rbx), %r15
	call	native_vector
	movq	%r14, %gs:CPU_AREA_STACK_LIMIT
	movl	%r12d, %eax
	movl	%r13d, %edx
	cmpq	%r15, TRAP_FRAME_RIP(%rbx)
	jne	1f
	movl	$MSR_GS_BASE, %ecx
	wrmsr
	restore_regs
	addq	$16, %rsp
	iretq

1:	cmpl	%eax, TRAP_FRAME_SIZE(%rbx)
	jne	2f
	cmpl	%edx, TRAP_FRAME_SIZE + 4(%rbx)
	je	frame_return
2:	movl	$MSR_KERNEL_GS_BASE, %ecx
	wrmsr
	jmp	frame_return

own_stack_from_user:
	swapgs
	movq	%rbx, %rsi
	movq	%gs:CPU_AREA_SP0, %rbx
	subq	$TRAP_FRAME_SIZE, %rbx
	movq	%rbx, %rdi
	movl	$TRAP_FRAME_SIZE / 8, %ecx
	rep	movsq
	movq	%rbx, %rsp
	movq	%rbx, %rdi
	call	native_vector
	jmp	frame_return

/*
 * syscall (Intel SDM vol. 2): rcx = rip, r11 = rflags, rsp and gs are still the user's; SFMASK has cleared IF, DF, TF,
 * NT and AC.
 */
	.macro	syscall_stub name, cs, vector
	.globl	\name
\name:
	swapgs
	movq	%rsp, %gs:CPU_AREA_USER_SP
	movq	%gs:CPU_AREA_SP0, %rsp
	pushq	$USER_DS
	pushq	%gs:CPU_AREA_USER_SP
	pushq	%r11
	pushq	$\cs
	pushq	%rcx
	pushq	$0
	pushq	$\vector
	jmp	syscall_common
	.endm

	syscall_stub native_syscall_entry, USER_CS, VECTOR_SYSCALL
	syscall_stub native_syscall32_entry, USER_CS32, VECTOR_SYSCALL32

/*
 * sysenter: the CPU keeps neither the user's rip nor its rsp; by our convention edx and ecx hold them. Of the flags it
 * clears IF only: the frame gets them as they were, and then the kernel's own are loaded, because NT would break
 * iretq. With TF set, #DB comes after each instruction up to native_sysenter_flags_saved (trap.c).
 */
	.globl	native_sysenter_entry, native_sysenter_flags_saved
native_sysenter_entry:
	swapgs
	movq	%gs:CPU_AREA_SP0, %rsp
	pushq	$USER_DS
	pushq	%rcx
	movl	$0, 4(%rsp)
	pushfq
native_sysenter_flags_saved:
	orq	$RFLAGS_IF, (%rsp)
	pushq	$RFLAGS_FIXED
	popfq
	pushq	$USER_CS32
	pushq	%rdx
	movl	$0, 4(%rsp)
	pushq	$0
	pushq	$VECTOR_SYSENTER
syscall_common:
	save_regs
	call	native_syscall
	jmp	frame_return

	.globl	native_iret
native_iret:
	copy_frame
	jmp	frame_return

/*
 * sysretq takes rip from rcx and rflags from r11. A rip that is not canonical would fault in ring 0 with the
 * user's rsp on Intel's CPUs, so bits 63 to 47 must be 0, else iretq has it. So it has flags with RF, which sysretq
 * clears, or with TF, which steps sysretq itself.
 */
	.globl	native_sysret
native_sysret:
	copy_frame
	movq	TRAP_FRAME_RIP(%rbx), %rcx
	shrq	$47, %rcx
	jnz	frame_return
	testl	$RFLAGS_TF | RFLAGS_RF, TRAP_FRAME_RFLAGS(%rbx)
	jnz	frame_return
	cli
	set_frame_iopl
	swapgs
	restore_regs
	movq	16(%rsp), %rcx			/* rip */
	movq	32(%rsp), %r11			/* rflags */
	movq	40(%rsp), %rsp
	sysretq
native_entry_end:

/*
 * sti takes effect after the next instruction, so that no interrupt comes between it and hlt. If one does all the
 * same (after a debug exception there, or where an emulator has lost sti's shadow: docs/facts.md), the interrupt
 * returns past native_hlt.
 */
	.globl	native_safe_halt, native_hlt
native_safe_halt:
	sti
native_hlt:
	hlt
	ret
