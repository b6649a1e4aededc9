/* SPDX-License-Identifier: MIT */
/*
 * The two 32-bit entries: multiboot2 (GRUB) and PVH (QEMU, Xen).
 *
 * Both are entered in 32-bit protected mode with paging off and the address of the loader's
 * information in %ebx (Multiboot2 specification 2.0, section 3.3; Xen docs/misc/pvh.pandoc). All
 * other state is unspecified. They
 *
 *   1. check that the CPU has what this kernel needs, and end with one line on all outputs if not
 *      (early_text.inc),
 *   2. reset the state that a loader may have left: flags, breakpoints, the global interrupt flag,
 *   3. build page tables for the first 4 GiB (pv/native/boot_tables.S) and go to 64-bit mode,
 *   4. set the stack and the base of %gs, store the TSC, and call boot_main(protocol, info).
 *
 * An exception in 32-bit mode resets the machine. From start64 to trap_init it is reported
 * (early_trap.S).
 */
#include "boot/early_text.inc"
#include "boot/machine_end.h"
#include "boot/multiboot2.h"
#include "lib/boot_info.h"
#include "pv/native/long_mode.inc"

/*
 * CPUID leaf 1, EDX: what compilers for x86-64 assume (System V ABI, micro-architecture level 1).
 */
#define CPUID1_CMOV (1 << 15)
#define CPUID1_FXSR (1 << 24)
#define CPUID1_SSE  (1 << 25)
#define CPUID1_SSE2 (1 << 26)
#define CPUID1_BASE (CPUID1_CMOV | CPUID1_FXSR | CPUID1_SSE | CPUID1_SSE2)

/* CPUID leaf 0x80000001, EDX. */
#define CPUID_EXT   0x80000000
#define CPUID_EXT_1 0x80000001
#define CPUID_LM    (1 << 29)
#define CPUID_NX    (1 << 20)

/*
 * Entries of the first page tables (Intel SDM vol. 3, section 4.5): present and writable; with PSE
 * a page of 2 MiB.
 */
#define ENTRY_TABLE      0x003
#define ENTRY_LARGE_PAGE 0x083

	.section .boot.header, "a"
	.balign	8
multiboot2_header:
	.long	MULTIBOOT2_HEADER_MAGIC
	.long	MULTIBOOT2_ARCHITECTURE_I386
	.long	multiboot2_header_end - multiboot2_header
	.long	-(MULTIBOOT2_HEADER_MAGIC + (multiboot2_header_end - multiboot2_header))
	.balign	MULTIBOOT2_ALIGN
	.short	MULTIBOOT2_HEADER_TAG_REQUEST, 0	/* refuse to load without a memory map */
	.long	12
	.long	MULTIBOOT2_TAG_MMAP
	.balign	MULTIBOOT2_ALIGN
	.short	MULTIBOOT2_HEADER_TAG_MODULE_ALIGN, 0	/* modules on page boundaries */
	.long	8
	.balign	MULTIBOOT2_ALIGN
	.short	MULTIBOOT2_HEADER_TAG_END, 0
	.long	8
multiboot2_header_end:

	.section .boot.text, "ax"
	.code32
	.globl	multiboot2_entry
multiboot2_entry:
	movl	$PHYS(boot_stack_top), %esp
	movl	$PHYS(bad_magic), %esi
	cmpl	$MULTIBOOT2_BOOTLOADER_MAGIC, %eax
	jne	refuse32
	movl	$BOOT_PROTOCOL_MULTIBOOT2, %ebp
	jmp	start32

/* Print the line at %esi and end the machine: by QEMU's exit device, or without it by halting. */
refuse32:
	cli
	cld
	call	early_text32
	movb	$MACHINE_END_ERROR, %al
	outb	%al, $DEBUG_EXIT_PORT
1:	cli
	hlt
	jmp	1b

	define_early_text early_text32, esi, edi

	.globl	pvh_entry
pvh_entry:
	movl	$BOOT_PROTOCOL_PVH, %ebp

/* %ebp = protocol, %ebx = the loader's information. */
start32:
	cli
	cld
	movl	$PHYS(boot_stack_top), %esp
	pushl	$RFLAGS_FIXED
	popfl					/* NT, if left set, makes iretq fault */
	movl	$DR7_FIXED, %eax
	movl	%eax, %dr7			/* disable all breakpoints */
	movl	%ebx, %edi			/* cpuid clobbers %ebx */

	movl	$PHYS(no_long_mode), %esi
	movl	$CPUID_EXT, %eax
	cpuid
	cmpl	$CPUID_EXT_1, %eax
	jb	refuse32
	movl	$CPUID_EXT_1, %eax
	cpuid
	testl	$CPUID_LM, %edx
	jz	refuse32
	testl	$CPUID_NX, %edx
	jnz	1f
	/* Page tables then have no NX bit: pv/native/without_nx.c. */
	andl	$~EFER_NXE, PHYS(boot_efer)
1:	movl	$PHYS(no_base), %esi
	movl	$1, %eax
	cpuid
	andl	$CPUID1_BASE, %edx
	cmpl	$CPUID1_BASE, %edx
	jne	refuse32
	movl	$MSR_EFER, %ecx
	rdmsr
	testl	$EFER_SVME, %eax
	jz	1f
	/* A hypervisor may have left GIF clear (AMD APM vol. 2, 15.17). */
	stgi
1:	movl	%edi, %esi

	/*
	 * The first 4 GiB in pages of 2 MiB, and the tables above them: see
	 * pv/native/boot_tables.S.
	 */
	movl	$PHYS(boot_pd), %edi
	movl	$ENTRY_LARGE_PAGE, %eax
	xorl	%ecx, %ecx
1:	movl	%eax, (%edi,%ecx,8)
	addl	$LARGE_PAGE_SIZE, %eax
	incl	%ecx
	cmpl	$(BOOT_MAP_SIZE / LARGE_PAGE_SIZE), %ecx
	jne	1b
	movl	$PHYS(boot_pdpt) + ENTRY_TABLE, %eax
	movl	%eax, PHYS(boot_pml4)
	movl	%eax, PHYS(boot_pml4) + 8 * DIRECT_MAP_SLOT
	movl	%eax, PHYS(boot_pml4) + 8 * 511
	movl	$PHYS(boot_pd) + ENTRY_TABLE, %eax
	movl	%eax, PHYS(boot_pdpt)
	movl	%eax, PHYS(boot_pdpt) + 8 * 510
	addl	$4096, %eax
	movl	%eax, PHYS(boot_pdpt) + 8
	movl	%eax, PHYS(boot_pdpt) + 8 * 511
	addl	$4096, %eax
	movl	%eax, PHYS(boot_pdpt) + 8 * 2
	addl	$4096, %eax
	movl	%eax, PHYS(boot_pdpt) + 8 * 3

	enter_long_mode
start64:
	movl	$KERNEL_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	movq	$boot_stack_top, %rsp
	call	early_trap_init
	set_gs_base $cpus			/* CPU 0's area (pv/cpu_area.h) */

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
bad_magic:
	.ascii	"\r\nparavane: verdict ERROR: the loader is not a Multiboot2 loader "
	.asciz	"(wrong number in eax); use GRUB's multiboot2 command\r\n"
no_base:
	.ascii	"\r\nparavane: verdict ERROR: this CPU lacks "
	.asciz	"CMOV, FXSAVE (FXSR), SSE or SSE2, which 64-bit code needs\r\n"
no_long_mode:
	.ascii	"\r\nparavane: verdict ERROR: this CPU has no "
	.asciz	"64-bit mode (long mode), which this kernel needs\r\n"
