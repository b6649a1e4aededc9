/*
 * For test/events.c: u64 wait_with_patterns(const bool *flag). Every register but %rsp holds a pattern while
 * interrupts come; the stack below %rsp is the interrupts' to use.
 */
	.macro	for_each_register m
	\m rax, 1
	\m rbx, 2
	\m rcx, 3
	\m rdx, 4
	\m rsi, 5
	\m rbp, 6
	\m r8, 7
	\m r9, 8
	\m r10, 9
	\m r11, 10
	\m r12, 11
	\m r13, 12
	\m r14, 13
	\m r15, 14
	.endm

	.macro	load reg, n
	movq	$(\n * 0x01010101), %\reg
	.endm

	.macro	check reg, n
	cmpq	$(\n * 0x01010101), %\reg
	je	1f
	incq	changed(%rip)
1:
	.endm

	.text
	.globl	wait_with_patterns
wait_with_patterns:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	$0, changed(%rip)
	movq	%rdi, watched(%rip)
	for_each_register load
2:	cmpb	$0, (%rdi)
	je	2b
	cmpq	watched(%rip), %rdi
	je	3f
	incq	changed(%rip)
3:	for_each_register check
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	movq	changed(%rip), %rax
	ret

	.bss
	.balign	8
changed:
	.skip	8
watched:
	.skip	8
