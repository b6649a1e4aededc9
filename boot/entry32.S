/*
 * The two 32-bit ways in: multiboot2 (GRUB) and PVH (QEMU, Xen).
 *
 * Both arrive in 32-bit protected mode with paging off and the address of the loader's information
 * in %ebx (Multiboot2 specification 2.0, section 3.3; Xen docs/misc/pvh.pandoc). All other state may
 * be anything. This file builds the first page tables, goes to long mode and calls
 * boot_main(protocol, info). What it cannot run on it names in one line (early_text.inc). An
 * exception in 32-bit mode resets the machine; from start64 to trap_init it is named too.
 */
#include "boot/early_text.inc"
#include "boot/machine_end.h"
#include "boot/multiboot2.h"
#include "lib/boot_info.h"
#include "pv/native/long_mode.inc"

#define EFLAGS_FIXED 2

/* What compilers for x86-64 take for granted (System V ABI, micro-architecture level 1), of leaf 1. */
#define CPUID1_CMOV (1 << 15)
#define CPUID1_FXSR (1 << 24)
#define CPUID1_SSE  (1 << 25)
#define CPUID1_SSE2 (1 << 26)
#define CPUID1_BASE (CPUID1_CMOV | CPUID1_FXSR | CPUID1_SSE | CPUID1_SSE2)

#define CPUID_LM  (1 << 29)
#define CPUID_NX  (1 << 20)

#define PTE_TABLE 0x03		/* present, writable */
#define PTE_PSE 0x83		/* and 2 MiB */

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

/* Print the line at %esi, end the machine by QEMU's exit device, and where that is missing halt. */
refuse32:
	cli
	cld
	call	early_text32
	movb	$MACHINE_END_ERROR, %al
	outb	%al, $MACHINE_END_PORT
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
	pushl	$EFLAGS_FIXED
	popfl					/* a leftover NT would make iretq fault */
	movl	$DR7_FIXED, %eax
	movl	%eax, %dr7			/* no breakpoint is left over */
	movl	%ebx, %edi			/* cpuid clobbers %ebx */

	movl	$PHYS(no_long_mode), %esi
	movl	$0x80000000, %eax
	cpuid
	cmpl	$0x80000001, %eax
	jb	refuse32
	movl	$0x80000001, %eax
	cpuid
	testl	$CPUID_LM, %edx
	jz	refuse32
	testl	$CPUID_NX, %edx
	jnz	1f
	andl	$~EFER_NXE, PHYS(boot_efer)	/* page tables do without it too: pv/native/without_nx.c */
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
	stgi					/* a hypervisor may have left all interrupts held (AMD APM vol. 2, 15.17) */
1:	movl	%edi, %esi

	/* The first 4 GiB in pages of 2 MiB, and the tables above them: see boot_pml4. */
	movl	$PHYS(boot_pd), %edi
	movl	$PTE_PSE, %eax
	xorl	%ecx, %ecx
1:	movl	%eax, (%edi,%ecx,8)
	addl	$0x200000, %eax
	incl	%ecx
	cmpl	$2048, %ecx
	jne	1b
	movl	$PHYS(boot_pdpt) + PTE_TABLE, %eax
	movl	%eax, PHYS(boot_pml4)
	movl	%eax, PHYS(boot_pml4) + 8 * DIRECT_MAP_SLOT
	movl	%eax, PHYS(boot_pml4) + 8 * 511
	addl	$(boot_pd - boot_pdpt), %eax
	movl	%eax, PHYS(boot_pdpt)
	movl	%eax, PHYS(boot_pdpt) + 8 * 510
	addl	$0x1000, %eax
	movl	%eax, PHYS(boot_pdpt) + 8
	movl	%eax, PHYS(boot_pdpt) + 8 * 511
	addl	$0x1000, %eax
	movl	%eax, PHYS(boot_pdpt) + 16
	addl	$0x1000, %eax
	movl	%eax, PHYS(boot_pdpt) + 24

	enter_long_mode
start64:
	movl	$0x10, %eax
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
	.asciz	"\r\nparavane: verdict ERROR: the loader is not a Multiboot2 loader (wrong number in eax); use GRUB's multiboot2 command\r\n"
no_base:
	.asciz	"\r\nparavane: verdict ERROR: this CPU lacks CMOV, FXSAVE (FXSR), SSE or SSE2, which 64-bit code needs\r\n"
no_long_mode:
	.asciz	"\r\nparavane: verdict ERROR: this CPU has no 64-bit mode (long mode), which this kernel needs\r\n"
	.balign	8
	.globl	boot_gdt, boot_gdt_ptr
boot_gdt:
	.quad	0
	.quad	0x00af9b000000ffff		/* 0x08: 64-bit code */
	.quad	0x00cf93000000ffff		/* 0x10: data */
	.quad	0x00cf9b000000ffff		/* 0x18: 32-bit code, for other CPUs (pv/native/start.S) */
boot_gdt_ptr:
	.short	. - boot_gdt - 1
	.quad	PHYS(boot_gdt)

	.data
	.balign	4
	.globl	boot_efer
boot_efer:				/* what every CPU's EFER begins with */
	.long	EFER_LME | EFER_NXE

/*
 * The root shows one table of level 3 three times: at 0 (the identity, which the switch above needs), as the
 * direct map, and as the kernel's window, where -2 GiB + x is physical x. So each shows the first 4 GiB at its
 * beginning, and the first two again at its end.
 */
	.section .bss
	.balign	4096
	.globl	boot_pml4
boot_pml4:
	.skip	4096
boot_pdpt:
	.skip	4096
boot_pd:
	.skip	4 * 4096
