/* SPDX-License-Identifier: MIT */
/*
 * Native entry and exit: how the CPU comes into the kernel, and how it leaves.
 *
 * How a trap frame is built. An exception or interrupt is delivered through a gate of the IDT
 * (trap.c). The CPU pushes five words, and for some exceptions an error code; the vector's stub
 * completes them (vector_stubs.S); the code here pushes the general registers below, and calls C
 * with the frame's address:
 *
 *     CPU                   stub            here                       C
 *     ss rsp rflags cs rip  [error] vector  rdi ... r15, swapgs, clac  native_vector(frame)
 *
 * On the way back the same in reverse order ends in iretq. C may change the frame, so what is
 * loaded is what the frame holds then: another thread's code, the second return of fault_try, user
 * mode.
 *
 * What is switched when. Three things belong to user mode at first, and the order counts:
 *
 * - The stack. The CPU itself loads rsp from the task state when it comes from user mode
 *   (load_sp0); from the kernel it stays on the interrupted stack. syscall and sysenter switch
 *   nothing, so their entries do.
 * - %gs. In the kernel its base is the CPU's area, which C cannot do without. swapgs exchanges it
 *   for the user's: first on the way in, last on the way out, and only if the frame says user mode.
 *   Interrupts are disabled whenever the two disagree.
 * - The flags. A gate clears IF, TF, NT, RF and VM, and leaves DF and AC as user mode set them
 *   (Intel SDM vol. 3, section 6.12.1.3). The kernel needs both clear: DF for C code, AC because
 *   SMAP does not hold while it is set. save_regs clears DF, begin_frame AC. SFMASK does it for
 *   syscall.
 *
 * The entries that cannot trust the frame. #DB, NMI, #DF and #MC are delivered while interrupts are
 * disabled, too: between a swapgs and the change of privilege, where the frame says kernel but %gs
 * is the user's, and where rsp is not a stack. So they have stacks of their own (IST), and do not
 * swap: they read %gs's base from its MSR, load the kernel's, which is stored on top of their
 * stack, and put back what they read. Linux calls such entries paranoid. They stay on these stacks
 * if they interrupted the kernel. From user mode %gs is certain, so they continue on the stack of
 * load_sp0, where the kernel may switch threads.
 *
 * One exception remains: iretq to user mode faults after swapgs, in the kernel, if the frame holds
 * what the CPU does not load. native_exception recognises it by its address. And an interrupt that
 * is delivered while interrupts are disabled is ignored.
 */
#include <asm-offsets.h>
#include "pv/entry/trap_frame.inc"
#include "pv/selectors.h"
#include "pv/x86.h"

#define IRET_CS 8			/* offset in what iretq loads: rip, cs, rflags, rsp, ss */

/*
 * After a stub (pv/entry/vector_stubs.S): complete the frame and leave its address in %rdi and
 * %rbx. The zero flag is set if the kernel was interrupted.
 */
	.macro	begin_frame
	save_regs
	cmpb	$0, native_have_smap(%rip)
	je	1f
	clac
1:	testl	$RFLAGS_VM, TRAP_FRAME_RFLAGS(%rbx)
	jz	1f
	/* A selector of virtual-8086 mode has no RPL, and is user mode's. */
	orb	$3, TRAP_FRAME_CS(%rbx)
1:	testb	$3, TRAP_FRAME_CS(%rbx)
	.endm

/* Give the frame at %rbx, which is user mode's, the IOPL of set_iopl instead of its own. */
	.macro	set_frame_iopl
	movl	%gs:CPU_AREA_USER_IOPL, %eax
	andq	$~RFLAGS_IOPL, TRAP_FRAME_RFLAGS(%rbx)
	orq	%rax, TRAP_FRAME_RFLAGS(%rbx)
	.endm

	.text
	.globl	native_entry_start, native_entry_end, native_exception, native_exception_own_stack
native_entry_start:

native_exception:
	begin_frame
	jnz	1f
	testl	$RFLAGS_IF, TRAP_FRAME_RFLAGS(%rbx)
	jnz	2f				/* %gs is the kernel's */
	movl	TRAP_FRAME_VECTOR(%rbx), %eax
	cmpq	$0, native_vector_owners(, %rax, 8)
	jne	ignore_interrupt
	cmpq	$native_iret_instruction, TRAP_FRAME_RIP(%rbx)
	jne	2f
	/* iretq faulted: rsp still points at what it was to load. */
	movq	TRAP_FRAME_RSP(%rbx), %rax
	testb	$3, IRET_CS(%rax)
	jz	2f				/* it leads to the kernel: %gs is the kernel's */
1:	swapgs
2:	call	native_vector

/* Load the frame at %rbx. Interrupts are disabled from here to the end. */
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
 * An interrupt of the kernel while interrupts are disabled, which hardware never delivers: QEMU may
 * deliver one twice (docs/facts.md). The handler that it interrupts began with the first of the
 * two, and sends the EOI. %gs may be the user's, and is not used.
 */
ignore_interrupt:
	lock incq native_ignored_interrupts(%rip)
	restore_regs
	addq	$16, %rsp
	iretq

/*
 * #DB, NMI, #DF, #MC. If the kernel was interrupted, %gs has either base, and r12 and r13 keep it.
 * It is restored if the handler does not change the frame's rip, so that the interrupted code
 * continues. If the handler changes rip, the kernel's base stays, and a user's base is put where
 * the next swapgs loads it from.
 *
 * The stack limit in the CPU's area (kernel/stack_check.S) is that of the interrupted stack, so it
 * is 0 in the meantime. Each stack of its own has an unmapped page below, so an overflow is found
 * all the same.
 *
 * The way back to the interrupted code shares no instruction with the other ways: a breakpoint on a
 * shared one would raise #DB on the stack that this code is about to leave.
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
 * syscall leaves rip in rcx and rflags in r11, and clears the flags that SFMASK names: IF, DF, TF,
 * NT and AC (Intel SDM vol. 2). rsp and gs are still the user's. From the kernel's stack on, the
 * frame is built as the CPU would.
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
 * sysenter saves neither the user's rip nor its rsp: by Paravane's convention they are in edx and
 * ecx. It clears IF only. The frame receives the other flags as they were; then the kernel loads
 * its own, because NT would make iretq fault. With TF set, #DB follows each instruction up to
 * native_sysenter_flags_saved (trap.c).
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
 * sysretq loads rip from rcx and rflags from r11. It is not for every frame; iretq loads the
 * others:
 *
 * - A rip that is not canonical raises #GP in ring 0 with the user's rsp on Intel's CPUs. Bits 63
 *   to 47 must be 0.
 * - sysretq clears RF.
 * - With TF set, it is stepped itself.
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
 * sti takes effect after the next instruction, so that an interrupt cannot be delivered between it
 * and hlt, and the CPU cannot sleep through it. If one is delivered there (after a debug exception,
 * or where an emulator has lost sti's shadow: docs/facts.md), interrupt() in trap.c lets it return
 * past the hlt.
 */
	.globl	native_safe_halt, native_hlt
native_safe_halt:
	sti
native_hlt:
	hlt
	ret
