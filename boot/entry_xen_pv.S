/*
 * The way in as a Xen PV guest, and the notes that say to all loaders how to start this image.
 *
 * Xen enters at xen_pv_entry in 64-bit mode at CPL 3, paging on, with the virtual address of the
 * start_info page in %rsi and a small stack of its own (xen/xen.h, "Start-of-day memory layout").
 */
#include "boot/layout.h"
#include <xen/elfnote.h>
#include <xen/features.h>
#include <xen/xen.h>

	.section .boot.text, "ax"
	.globl	xen_pv_entry
xen_pv_entry:
	cld
	movq	$boot_stack_top, %rsp

	rdtsc
	shlq	$32, %rdx
	orq	%rdx, %rax
	movq	%rax, boot_entry_tsc(%rip)

	movq	%rsi, %rbx
	movl	$SEGBASE_GS_KERNEL, %edi	/* CPU 0's area (pv/cpu_area.h) */
	movq	$cpus, %rsi
	call	hypercall_page + __HYPERVISOR_set_segment_base * 32
	movq	%rbx, %rsi

	movl	$BOOT_PROTOCOL_XEN_PV, %edi
	xorl	%ebp, %ebp			/* ends the chain of frames */
	call	boot_main
	ud2

	.section .bss.stack, "aw", @nobits
	.balign	4096
	.globl	boot_stack, boot_stack_top
boot_stack_guard:
	.skip	4096
boot_stack:
	.skip	BOOT_STACK_SIZE
boot_stack_top:

/* struct pv_guards (pv/mmu_types.h) */
	.section .guards, "a"
	.quad	boot_stack_guard
	.long	0, 1

/* The notes: xen/elfnote.h tells what each means. */
	.macro	note type, desc:vararg
	.pushsection .note.Xen, "a", @note
	.balign	4
	.long	4, 2f - 1f, \type
	.asciz	"Xen"
1:	\desc
2:	.balign	4
	.popsection
	.endm

	note	XEN_ELFNOTE_GUEST_OS, .asciz "Paravane"
	note	XEN_ELFNOTE_GUEST_VERSION, .asciz PARAVANE_VERSION
	note	XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
	note	XEN_ELFNOTE_LOADER, .asciz "generic"
	note	XEN_ELFNOTE_PAE_MODE, .asciz "yes"
	note	XEN_ELFNOTE_VIRT_BASE, .quad VIRT_BASE
	note	XEN_ELFNOTE_PADDR_OFFSET, .quad 0
	note	XEN_ELFNOTE_ENTRY, .quad xen_pv_entry
	note	XEN_ELFNOTE_HYPERCALL_PAGE, .quad hypercall_page
	note	XEN_ELFNOTE_HV_START_LOW, .quad 0xffff800000000000
	note	XEN_ELFNOTE_PHYS32_ENTRY, .quad pvh_entry - VIRT_BASE
	note	XEN_ELFNOTE_FEATURES, .asciz "!writable_page_tables|pae_pgdir_above_4gb"
	note	XEN_ELFNOTE_SUPPORTED_FEATURES, .long 1 << XENFEAT_dom0
