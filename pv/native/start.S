/*
 * How a CPU starts that is not the first. A start-up IPI puts it in real mode at the beginning of a page
 * below 1 MiB (Intel SDM vol. 3, section 9.4.4), where a copy of native_trampoline lies. From there it goes
 * the way that boot/entry32.S went: protected mode, the boot's page tables, long mode; then to the kernel's
 * own tables, its stack and its area.
 */
#include "boot/layout.h"

#define PHYS(sym) ((sym) - VIRT_BASE)

#define CR0_PE    (1 << 0)
#define CR0_MP    (1 << 1)
#define CR0_ET    (1 << 4)
#define CR0_NE    (1 << 5)
#define CR0_WP    (1 << 16)
#define CR0_PG    (1 << 31)
#define CR4_PAE   (1 << 5)
#define MSR_EFER  0xc0000080
#define EFER_LME  (1 << 8)
#define EFER_NXE  (1 << 11)
#define MSR_GS_BASE 0xc0000101

	.section .rodata
	.code16
	.globl	native_trampoline, native_trampoline_end
native_trampoline:
	cli
	cld
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	gdt_pointer - native_trampoline
	movl	%cr0, %eax
	orl	$CR0_PE, %eax
	movl	%eax, %cr0
	ljmpl	$0x18, $PHYS(start32)
	.balign	4
gdt_pointer:
	.short	gdt_end - gdt - 1
	.long	PHYS(gdt)
native_trampoline_end:

	.balign	8
gdt:	.quad	0
	.quad	0x00af9b000000ffff		/* 0x08: 64-bit code */
	.quad	0x00cf93000000ffff		/* 0x10: data */
	.quad	0x00cf9b000000ffff		/* 0x18: 32-bit code */
gdt_end:

	.text
	.code32
start32:
	movl	$0x10, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%cr4, %eax
	orl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	$PHYS(boot_pml4), %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$(EFER_LME | EFER_NXE), %eax
	wrmsr
	movl	$(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG), %eax
	movl	%eax, %cr0
	ljmpl	$0x08, $PHYS(start64_low)

	.code64
start64_low:					/* still at the physical address */
	movabsq	$start64, %rax
	jmp	*%rax
start64:
	movq	native_start(%rip), %rax
	movq	%rax, %cr3
	movq	native_start + 8(%rip), %rax
	movq	%rax, %cr4
	movq	native_start + 16(%rip), %rdi
	movq	native_start + 24(%rip), %rsp
	movq	native_start + 32(%rip), %rsi

/* In 64-bit mode with the kernel's tables; %rdi = area, %rsp = top of the stack, %rsi = entry. */
	.globl	native_start_here
native_start_here:
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	movl	$MSR_GS_BASE, %ecx
	movq	%rdi, %rax
	movq	%rdi, %rdx
	shrq	$32, %rdx
	wrmsr
	xorl	%ebp, %ebp			/* ends the chain of frames */
	pushq	$0
	jmp	*%rsi

/* void native_start_again(u64 stack_top, void (*entry)(void)): on any CPU, Xen PV's too. */
	.globl	native_start_again
native_start_again:
	movq	%rdi, %rsp
	xorl	%ebp, %ebp
	pushq	$0
	jmp	*%rsi
