/* SPDX-License-Identifier: MIT */
/*
 * The code that tests run in ring 3 (test/harness/sandbox.h): one short piece a test, copied to
 * SANDBOX_CODE. It is position-independent. Each piece ends in a system call unless it is there to
 * fault. user_code_NAME is its address in the kernel's image.
 */
	.section .rodata.user_code, "a"
	.balign	4096
	.globl	user_code_start, user_code_end
user_code_start:

	.macro	piece name
	.balign	16
	.globl	user_code_\name
user_code_\name:
	.endm

	piece	syscall				/* with all registers unchanged */
	syscall
	piece	syscall_arrival			/* the initial rcx and r11 in r8 and r9 */
	movq	%rcx, %r8
	movq	%r11, %r9
	syscall
	piece	add
	leaq	(%rdi,%rsi), %rax
	syscall
	jmp	user_code_add
	piece	undefined
	ud2
	piece	divide
	xorl	%edx, %edx
	xorl	%ecx, %ecx
	divl	%ecx
	piece	breakpoint
	int3
	nop
	piece	read				/* from rdi */
	movq	(%rdi), %rax
	syscall
	piece	write				/* to rdi */
	movq	%rax, (%rdi)
	syscall
	piece	halt
	hlt
	piece	disable
	cli
	syscall
	piece	int80
	int	$0x80
	syscall
	piece	int81
	int	$0x81
	syscall
	piece	int17
	int	$17
	syscall
	piece	in				/* port dx */
	inb	%dx, %al
	syscall
	piece	fs
	movq	%fs:0, %rax
	syscall
	piece	gs
	movq	%gs:8, %rax
	syscall
	piece	flags				/* a hostile set of flags: NT, DF, AC, ID */
	pushq	%rdi
	popfq
	syscall
	piece	stack
	pushq	%rdi
	popq	%rax
	syscall
	piece	spin				/* until the word at rdi differs from rsi */
1:	movq	(%rdi), %rax
	cmpq	%rax, %rsi
	je	1b
	syscall
	piece	store				/* rsi at rdi, kernel memory or not */
	movq	%rsi, (%rdi)
	syscall
	piece	sgdt				/* to rdi */
	sgdt	(%rdi)
	syscall
	/* Load the selector in edx, report it in the second word at rdi, then spin. */
	piece	spin_with_es
	movl	%edx, %es
	movq	%rdi, 8(%rdi)
1:	cmpq	%rsi, (%rdi)
	je	1b
	movl	%es, %edx
	ud2
	piece	sysenter64			/* returns to rip and rsp from rdx and rcx */
	sysenter
	.code32
	piece	syscall32
	movl	$0x32323232, %eax
	syscall
	piece	sysenter
	movl	$0x33333333, %eax
	movl	%esp, %ecx
	sysenter
	.code64
user_code_end:
