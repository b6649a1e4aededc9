/* SPDX-License-Identifier: MIT */
/*
 * memcpy, memmove and memset in place of newlib's. Those copy byte by byte (rep movsb) if an
 * address is not aligned, if there are few bytes, and for the rest; for many bytes they bypass the
 * cache. Here up to 64 bytes are copied by a few moves that may overlap, all loaded before the
 * first is stored, so that memmove can share them; more bytes are copied by a loop of 64 each.
 */
	.text
	.globl	memmove
	.type	memmove, @function
memmove:
	cmpq	$64, %rdx
	jbe	memcpy
	movq	%rdi, %rcx
	subq	%rsi, %rcx
	cmpq	%rdx, %rcx
	jae	memcpy			/* dst is below src, or they do not overlap */
/* Copy from the end down. The first 64 bytes, loaded here, are stored last. */
	movq	%rdi, %rax
	movups	(%rsi), %xmm4
	movups	16(%rsi), %xmm5
	movups	32(%rsi), %xmm6
	movups	48(%rsi), %xmm7
1:	movups	-16(%rsi,%rdx), %xmm0
	movups	-32(%rsi,%rdx), %xmm1
	movups	-48(%rsi,%rdx), %xmm2
	movups	-64(%rsi,%rdx), %xmm3
	movups	%xmm0, -16(%rdi,%rdx)
	movups	%xmm1, -32(%rdi,%rdx)
	movups	%xmm2, -48(%rdi,%rdx)
	movups	%xmm3, -64(%rdi,%rdx)
	subq	$64, %rdx
	cmpq	$64, %rdx
	ja	1b
	movups	%xmm4, (%rdi)
	movups	%xmm5, 16(%rdi)
	movups	%xmm6, 32(%rdi)
	movups	%xmm7, 48(%rdi)
	ret
	.size	memmove, . - memmove

	.globl	memcpy
	.type	memcpy, @function
memcpy:
	movq	%rdi, %rax
	cmpq	$16, %rdx
	jb	small_copy
	movups	(%rsi), %xmm0
	movups	-16(%rsi,%rdx), %xmm7
	cmpq	$32, %rdx
	ja	1f
	movups	%xmm0, (%rdi)
	movups	%xmm7, -16(%rdi,%rdx)
	ret
1:	movups	16(%rsi), %xmm1
	movups	-32(%rsi,%rdx), %xmm6
	cmpq	$64, %rdx
	ja	2f
	movups	%xmm0, (%rdi)
	movups	%xmm1, 16(%rdi)
	movups	%xmm6, -32(%rdi,%rdx)
	movups	%xmm7, -16(%rdi,%rdx)
	ret
/* The last 64 bytes are stored last; up to there (r8), a turn copies 64. */
2:	movups	-64(%rsi,%rdx), %xmm4
	movups	-48(%rsi,%rdx), %xmm5
	leaq	-64(%rdi,%rdx), %r8
	subq	%rdi, %rsi		/* from = to + rsi */
3:	movups	(%rdi,%rsi), %xmm0
	movups	16(%rdi,%rsi), %xmm1
	movups	32(%rdi,%rsi), %xmm2
	movups	48(%rdi,%rsi), %xmm3
	movups	%xmm0, (%rdi)
	movups	%xmm1, 16(%rdi)
	movups	%xmm2, 32(%rdi)
	movups	%xmm3, 48(%rdi)
	addq	$64, %rdi
	cmpq	%r8, %rdi
	jb	3b
	movups	%xmm4, (%r8)
	movups	%xmm5, 16(%r8)
	movups	%xmm6, 32(%r8)
	movups	%xmm7, 48(%r8)
	ret
small_copy:
	cmpl	$8, %edx
	jb	1f
	movq	(%rsi), %rcx
	movq	-8(%rsi,%rdx), %r8
	movq	%rcx, (%rdi)
	movq	%r8, -8(%rdi,%rdx)
	ret
1:	cmpl	$4, %edx
	jb	2f
	movl	(%rsi), %ecx
	movl	-4(%rsi,%rdx), %r8d
	movl	%ecx, (%rdi)
	movl	%r8d, -4(%rdi,%rdx)
	ret
/* First, middle and last, which may be the same. */
2:	testl	%edx, %edx
	jz	3f
	movl	%edx, %r10d
	shrl	%r10d
	movzbl	(%rsi), %ecx
	movzbl	(%rsi,%r10), %r9d
	movzbl	-1(%rsi,%rdx), %r8d
	movb	%cl, (%rdi)
	movb	%r9b, (%rdi,%r10)
	movb	%r8b, -1(%rdi,%rdx)
3:	ret
	.size	memcpy, . - memcpy

	.globl	memset
	.type	memset, @function
memset:
	movq	%rdi, %rax
	movd	%esi, %xmm0
	punpcklbw %xmm0, %xmm0
	pshuflw	$0, %xmm0, %xmm0
	cmpq	$16, %rdx
	jb	small_set
	punpcklqdq %xmm0, %xmm0
	movups	%xmm0, (%rdi)
	movups	%xmm0, -16(%rdi,%rdx)
	cmpq	$32, %rdx
	jbe	2f
	movups	%xmm0, 16(%rdi)
	movups	%xmm0, -32(%rdi,%rdx)
	cmpq	$64, %rdx
	jbe	2f
	leaq	-64(%rdi,%rdx), %r8
	movups	%xmm0, (%r8)
	movups	%xmm0, 16(%r8)
1:	movups	%xmm0, (%rdi)
	movups	%xmm0, 16(%rdi)
	movups	%xmm0, 32(%rdi)
	movups	%xmm0, 48(%rdi)
	addq	$64, %rdi
	cmpq	%r8, %rdi
	jb	1b
2:	ret
small_set:
	cmpl	$8, %edx
	jb	1f
	movq	%xmm0, (%rdi)
	movq	%xmm0, -8(%rdi,%rdx)
	ret
1:	cmpl	$4, %edx
	jb	2f
	movd	%xmm0, (%rdi)
	movd	%xmm0, -4(%rdi,%rdx)
	ret
2:	testl	%edx, %edx
	jz	3f
	movl	%edx, %r10d
	shrl	%r10d
	movb	%sil, (%rdi)
	movb	%sil, (%rdi,%r10)
	movb	%sil, -1(%rdi,%rdx)
3:	ret
	.size	memset, . - memset

	.section .note.GNU-stack, "", @progbits
