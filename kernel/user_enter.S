/*
 * user_enter: saves what a caller may rely on, then leaves for user mode by user_go, which does not return.
 * When user mode is left, kernel/user.c resumes at the saved place, as if user_enter had returned.
 */
#include "lib/registers.inc"

	.text
	.globl	user_enter
user_enter:
	save_for_caller
	movq	%rsi, %rdi
	movl	%edx, %esi
	movq	%rsp, %rdx
	andq	$-16, %rdx
	call	user_go
	ud2
