/*
 * user_enter: saves what a caller may rely on, then leaves for user mode by user_go, which does not return.
 * When user mode is left, kernel/user.c resumes at the saved place, as if user_enter had returned.
 */
	.text
	.globl	user_enter
user_enter:
	movq	%rbx, 0(%rdi)
	movq	%rbp, 8(%rdi)
	movq	%r12, 16(%rdi)
	movq	%r13, 24(%rdi)
	movq	%r14, 32(%rdi)
	movq	%r15, 40(%rdi)
	leaq	8(%rsp), %rax
	movq	%rax, 48(%rdi)
	movq	(%rsp), %rax
	movq	%rax, 56(%rdi)
	movq	%rsi, %rdi
	movl	%edx, %esi
	movq	%rsp, %rdx
	andq	$-16, %rdx
	call	user_go
	ud2
