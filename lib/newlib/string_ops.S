/* SPDX-License-Identifier: MIT */
/*
 * memcmp and strlen in place of newlib's, which go byte by byte if an address is not aligned, as
 * those of a database's or an interpreter's keys are.
 */
	.text
/*
 * Compare by 16, 8 or 4 bytes; the last ones may overlap those before. Of words that differ the
 * first bytes count, so their bytes are swapped.
 */
	.globl	memcmp
	.type	memcmp, @function
memcmp:
	cmpq	$16, %rdx
	jb	4f
	movups	(%rdi), %xmm0
	movups	(%rsi), %xmm1
	pcmpeqb	%xmm1, %xmm0
	pmovmskb %xmm0, %eax
	xorl	$0xffff, %eax		/* a bit for each byte that differs */
	jnz	3f
	leaq	-16(%rdx), %r8		/* of the last 16 bytes */
	xorl	%ecx, %ecx
1:	cmpq	%r8, %rcx
	jae	2f
	addq	$16, %rcx
	cmpq	%r8, %rcx
	cmovaq	%r8, %rcx
	movups	(%rdi,%rcx), %xmm0
	movups	(%rsi,%rcx), %xmm1
	pcmpeqb	%xmm1, %xmm0
	pmovmskb %xmm0, %eax
	xorl	$0xffff, %eax
	jz	1b
	addq	%rcx, %rdi
	addq	%rcx, %rsi
3:	bsfl	%eax, %eax
	movzbl	(%rsi,%rax), %ecx
	movzbl	(%rdi,%rax), %eax
	subl	%ecx, %eax
2:	ret
4:	cmpl	$8, %edx
	jb	5f
	movq	(%rdi), %rax
	movq	(%rsi), %rcx
	cmpq	%rcx, %rax
	jne	7f
	movq	-8(%rdi,%rdx), %rax
	movq	-8(%rsi,%rdx), %rcx
	cmpq	%rcx, %rax
	jne	7f
	xorl	%eax, %eax
	ret
5:	cmpl	$4, %edx
	jb	6f
	movl	(%rdi), %eax
	movl	(%rsi), %ecx
	cmpl	%ecx, %eax
	jne	7f
	movl	-4(%rdi,%rdx), %eax
	movl	-4(%rsi,%rdx), %ecx
	cmpl	%ecx, %eax
	jne	7f
	xorl	%eax, %eax
	ret
6:	xorl	%eax, %eax
	testl	%edx, %edx
	jz	2b
	movzbl	(%rdi), %eax
	movzbl	(%rsi), %ecx
	subl	%ecx, %eax
	jnz	2b
	movzbl	-1(%rdi,%rdx), %eax
	movzbl	-1(%rsi,%rdx), %ecx
	cmpl	$3, %edx
	jb	8f
	movzbl	1(%rdi), %r8d
	movzbl	1(%rsi), %r9d
	subl	%r9d, %r8d
	jz	8f
	movl	%r8d, %eax
	ret
8:	subl	%ecx, %eax
	ret
7:	bswapq	%rax
	bswapq	%rcx
	cmpq	%rcx, %rax
	sbbl	%eax, %eax
	orl	$1, %eax
	ret
	.size	memcmp, . - memcmp

/* By 16 bytes at aligned addresses: such a read stays in the page of the string's last byte. */
	.globl	strlen
	.type	strlen, @function
strlen:
	movl	%edi, %ecx
	andl	$15, %ecx
	movq	%rdi, %rax
	subq	%rcx, %rax
	pxor	%xmm0, %xmm0
	pxor	%xmm1, %xmm1
	pcmpeqb	(%rax), %xmm1
	pmovmskb %xmm1, %edx
	shrl	%cl, %edx
	testl	%edx, %edx
	jz	1f
	bsfl	%edx, %eax
	ret
1:	addq	$16, %rax
	movaps	(%rax), %xmm1
	pcmpeqb	%xmm0, %xmm1
	pmovmskb %xmm1, %edx
	testl	%edx, %edx
	jz	1b
	bsfl	%edx, %edx
	addq	%rdx, %rax
	subq	%rdi, %rax
	ret
	.size	strlen, . - strlen
