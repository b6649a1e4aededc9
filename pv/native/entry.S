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
 */#include "pv/cpu_area.h"
#include "pv/native/exception_stack.h"
#include "pv/selectors.h"
#include "pv/trap_frame.inc"

#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define RFLAGS_IF (1 << 9)
#define RFLAGS_IOPL (3 << 12)
#define RFLAGS_FIXED 2
#define IRET_CS 8			/* in what iretq loads: rip, cs, rflags, rsp, ss */
/*
 * At a stub's call (pv/vector_stubs.S): completes the frame, the call's return address being its vector. Whether the
 * CPU pushed an error code, the stack pointer tells, which it aligned to 16 bytes before (Intel SDM vol. 3,
 * section 6.14.2): an exception may have one, the same vector raised by int has none.
 */
	.macro	begin_frame
	testb	$8, %spl
	jnz	1f
	pushq	(%rsp)
	movq	$0, 8(%rsp)
1:	save_regs
	cmpb	$0, native_have_smap(%rip)
	je	1f
	clac
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
1:	swapgs2:	call	native_vector

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
 * %gs has whatever base it has, and gets it back; but who comes from user mode and is led elsewhere goes on with the
 * kernel's. The stack's limit is the interrupted one's, and holds for none of these: it is lifted meanwhile, which
 * costs nothing, since a page that is not mapped lies below each. The way back to the kernel shares no code with the
 * others: a breakpoint there would raise #DB on its own stack.
 */
native_exception_own_stack:
	begin_frame
	jz	1f
	swapgs
1:	movl	$MSR_GS_BASE, %ecx
	rdmsr
	movl	%eax, %r12d
	movl	%edx, %r13d
	movl	TRAP_FRAME_SIZE(%rbx), %eax
	movl	TRAP_FRAME_SIZE + 4(%rbx), %edx
	wrmsr
	movq	%gs:CPU_AREA_STACK_LIMIT, %r14
	movq	$0, %gs:CPU_AREA_STACK_LIMIT
	call	native_vector
	movq	%r14, %gs:CPU_AREA_STACK_LIMIT
	movl	$MSR_GS_BASE, %ecx
	movl	%r12d, %eax
	movl	%r13d, %edx
	wrmsr
	testb	$3, TRAP_FRAME_CS(%rbx)
	jnz	frame_return
	restore_regs
	addq	$16, %rsp
	iretq

/* syscall (Intel SDM vol. 2): rcx = rip, r11 = rflags, rsp and gs are still the user's; SFMASK cleared IF. */
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
 * sysenter: nothing of the user's rip, rsp and rflags is kept by the CPU; by our convention rdx and rcx hold
 * the first two. NT is not cleared by the CPU, and would break iretq.
 */
	.globl	native_sysenter_entry
native_sysenter_entry:
	swapgs
	movq	%gs:CPU_AREA_SP0, %rsp
	pushq	$USER_DS
	pushq	%rcx
	pushq	$RFLAGS_FIXED
	popfq
	pushq	$RFLAGS_FIXED | (1 << 9)
	pushq	$USER_CS32
	pushq	%rdx
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
 * user's rsp on Intel's CPUs, so bits 63 to 47 must be 0, else iretq has it.
 */
	.globl	native_sysret
native_sysret:
	copy_frame
	movq	TRAP_FRAME_RIP(%rbx), %rcx
	shrq	$47, %rcx
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


	.section .guards, "a"
	.quad	native_boot_exception_stacks
	.long	BOOT_STACK_STRIDE, EXCEPTION_STACKS
