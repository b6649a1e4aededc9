/*
 * The two 32-bit ways in: multiboot2 (GRUB) and PVH (QEMU, Xen).
 *
 * Both arrive in 32-bit protected mode with paging off and the address of the loader's information
 * in %ebx (Multiboot2 specification 2.0, section 3.3; Xen docs/misc/pvh.pandoc). This file builds
 * the first page tables, goes to long mode and calls boot_main(protocol, info). Until trap_init in
 * there, an exception resets the machine: there is nothing yet that could print.
 */
#include "boot/layout.h"

#define PHYS(sym) (sym - VIRT_BASE)

#define MB2_HEADER_MAGIC 0xe85250d6
#define MB2_BOOT_MAGIC   0x36d76289
#define MB2_TAG_REQUEST  1
#define MB2_TAG_ALIGN    6

#define CR0_PE    (1 << 0)
#define CR0_MP    (1 << 1)
#define CR0_ET    (1 << 4)
#define CR0_NE    (1 << 5)
#define CR0_WP    (1 << 16)
#define CR0_PG    (1 << 31)
#define CR4_PAE   (1 << 5)
#define MSR_EFER  0xc0000080
#define MSR_GS_BASE 0xc0000101
#define EFER_LME  (1 << 8)
#define EFER_NXE  (1 << 11)
#define CPUID_LM  (1 << 29)
#define CPUID_NX  (1 << 20)

#define PTE_TABLE 0x03		/* present, writable */
#define PTE_LARGE 0x83		/* and 2 MiB */

	.section .boot.header, "a"
	.balign	8
mb2_header:
	.long	MB2_HEADER_MAGIC
	.long	0			/* architecture: i386, protected mode */
	.long	mb2_header_end - mb2_header
	.long	-(MB2_HEADER_MAGIC + (mb2_header_end - mb2_header))
	.balign	8
	.short	MB2_TAG_REQUEST, 0	/* refuse to load without a memory map */
	.long	12
	.long	6
	.balign	8
	.short	MB2_TAG_ALIGN, 0	/* modules on page boundaries */
	.long	8
	.balign	8
	.short	0, 0
	.long	8
mb2_header_end:

	.section .boot.text, "ax"
	.code32
	.globl	multiboot2_entry
multiboot2_entry:
	cmpl	$MB2_BOOT_MAGIC, %eax
	jne	hang32
	movl	$BOOT_PROTOCOL_MULTIBOOT2, %ebp
	jmp	start32

	.globl	pvh_entry
pvh_entry:
	movl	$BOOT_PROTOCOL_PVH, %ebp

/* %ebp = protocol, %ebx = the loader's information. */
start32:
	cli
	cld
	movl	$PHYS(boot_stack_top), %esp
	movl	%ebx, %esi			/* cpuid clobbers %ebx */

	movl	$0x80000001, %eax
	cpuid
	andl	$(CPUID_LM | CPUID_NX), %edx
	cmpl	$(CPUID_LM | CPUID_NX), %edx
	jne	hang32				/* neither an x86-64 CPU nor a way to say so */

	/* The first 4 GiB in pages of 2 MiB; the tables above them are filled by the linker. */
	movl	$PHYS(boot_pd), %edi
	movl	$PTE_LARGE, %eax
	xorl	%ecx, %ecx
1:	movl	%eax, (%edi,%ecx,8)
	addl	$0x200000, %eax
	incl	%ecx
	cmpl	$2048, %ecx
	jne	1b

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

	lgdt	PHYS(boot_gdt_ptr)
	ljmpl	$0x08, $PHYS(start64_low)

hang32:
	cli
	hlt
	jmp	hang32

	.code64
start64_low:					/* still at the physical address */
	movabsq	$start64, %rax
	jmp	*%rax
start64:
	movl	$0x10, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	movq	$boot_stack_top, %rsp
	movl	$MSR_GS_BASE, %ecx		/* CPU 0's area (pv/cpu_area.h) */
	movq	$cpus, %rax
	movq	%rax, %rdx
	shrq	$32, %rdx
	wrmsr

	rdtsc
	shlq	$32, %rdx
	orq	%rdx, %rax
	movq	%rax, boot_entry_tsc(%rip)

	movl	%ebp, %edi
	movl	%esi, %esi			/* the upper half is undefined after the jump */
	xorl	%ebp, %ebp			/* ends the chain of frames */
	call	boot_main
	ud2

	.section .rodata
	.balign	8
boot_gdt:
	.quad	0
	.quad	0x00af9b000000ffff		/* 0x08: 64-bit code */
	.quad	0x00cf93000000ffff		/* 0x10: data */
boot_gdt_ptr:
	.short	. - boot_gdt - 1
	.quad	PHYS(boot_gdt)

/*
 * Root: 0 (the identity, which the switch above needs), the direct map, and the kernel's window.
 * In the window -2 GiB + x is physical x, for the first GiB and the second.
 */
	.section .data.boot_tables, "aw"
	.balign	4096
	.globl	boot_pml4
boot_pml4:
	.quad	PHYS(boot_pdpt_low) + PTE_TABLE
	.fill	DIRECT_MAP_SLOT - 1, 8, 0
	.quad	PHYS(boot_pdpt_low) + PTE_TABLE
	.fill	511 - DIRECT_MAP_SLOT - 1, 8, 0
	.quad	PHYS(boot_pdpt_high) + PTE_TABLE
boot_pdpt_low:
	.quad	PHYS(boot_pd) + PTE_TABLE
	.quad	PHYS(boot_pd) + 0x1000 + PTE_TABLE
	.quad	PHYS(boot_pd) + 0x2000 + PTE_TABLE
	.quad	PHYS(boot_pd) + 0x3000 + PTE_TABLE
	.fill	508, 8, 0
boot_pdpt_high:
	.fill	510, 8, 0
	.quad	PHYS(boot_pd) + PTE_TABLE
	.quad	PHYS(boot_pd) + 0x1000 + PTE_TABLE

	.section .bss
	.balign	4096
boot_pd:
	.skip	4 * 4096
