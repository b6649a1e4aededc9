/*
 * fault_try: saves what a caller may rely on and returns true. If an exception comes before fault_end,
 * kernel/trap.c resumes at the saved place with these registers and 0 in %eax: fault_try returns a second
 * time, false.
 */
#define SAVED 40			/* offsetof(struct fault, saved), asserted in trap.c */

	.text
	.globl	fault_try
fault_try:
	movq	%rbx, SAVED + 0(%rdi)
	movq	%rbp, SAVED + 8(%rdi)
	movq	%r12, SAVED + 16(%rdi)
	movq	%r13, SAVED + 24(%rdi)
	movq	%r14, SAVED + 32(%rdi)
	movq	%r15, SAVED + 40(%rdi)
	leaq	8(%rsp), %rax
	movq	%rax, SAVED + 48(%rdi)
	movq	(%rsp), %rax
	movq	%rax, SAVED + 56(%rdi)
	pushq	%rbp
	movq	%rsp, %rbp
	call	fault_begin
	popq	%rbp
	movl	$1, %eax
	ret
