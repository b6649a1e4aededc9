/* For test/user.c: code whose registers matter one by one. */
#include "pv/trap_frame.h"

	.text
/* void iret_and_capture(struct trap_frame *to, struct trap_frame *came): fills to->rip and to->rsp itself. */
	.globl	iret_and_capture
iret_and_capture:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsi, captured(%rip)
	movq	%rsp, capture_rsp(%rip)
	leaq	1f(%rip), %rax
	movq	%rax, TRAP_FRAME_RIP(%rdi)
	leaq	-4096(%rsp), %rax
	movq	%rax, TRAP_FRAME_RIP + 24(%rdi)
	call	pv_iret_call
	ud2
1:	pushfq
	popq	capture_flags(%rip)
	movq	%rsp, arrived_rsp(%rip)
	movq	capture_rsp(%rip), %rsp
	pushq	%rdi
	movq	captured(%rip), %rdi
	movq	%r15, 0(%rdi)
	movq	%r14, 8(%rdi)
	movq	%r13, 16(%rdi)
	movq	%r12, 24(%rdi)
	movq	%rbp, 32(%rdi)
	movq	%rbx, 40(%rdi)
	movq	%r11, 48(%rdi)
	movq	%r10, 56(%rdi)
	movq	%r9, 64(%rdi)
	movq	%r8, 72(%rdi)
	movq	%rax, 80(%rdi)
	movq	%rcx, 88(%rdi)
	movq	%rdx, 96(%rdi)
	movq	%rsi, 104(%rdi)
	popq	112(%rdi)
	movq	capture_flags(%rip), %rax
	movq	%rax, TRAP_FRAME_RFLAGS(%rdi)
	movq	arrived_rsp(%rip), %rax
	movq	%rax, TRAP_FRAME_RIP + 24(%rdi)
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

	.bss
	.balign	8
captured:
	.skip	8
capture_rsp:
	.skip	8
capture_flags:
	.skip	8
arrived_rsp:
	.skip	8
