/* SPDX-License-Identifier: MIT */
/*
 * void kit_iret_by_multicall(const struct trap_frame *frame, struct multicall_entry *calls, u64
 * count): one of the calls is iret, which takes its frame from the stack as it is at the hypercall
 * (xen/arch-x86/xen-x86_64.h, struct iret_context). Does not return.
 */
#include <asm-offsets.h>
#define __HYPERVISOR_multicall 13

	.text
	.globl	kit_iret_by_multicall
kit_iret_by_multicall:
	andq	$-16, %rsp
	pushq	TRAP_FRAME_SS(%rdi)
	pushq	TRAP_FRAME_RIP + 24(%rdi)	/* rsp */
	pushq	TRAP_FRAME_RFLAGS(%rdi)
	pushq	TRAP_FRAME_CS(%rdi)
	pushq	TRAP_FRAME_RIP(%rdi)
	pushq	$0				/* flags */
	pushq	$0				/* rcx */
	pushq	$0				/* r11 */
	pushq	$0				/* rax */
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movl	$__HYPERVISOR_multicall, %eax
	syscall
	ud2
