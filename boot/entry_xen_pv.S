/* SPDX-License-Identifier: MIT */
/*
 * The entry of a Xen PV guest.
 *
 * Xen's domain builder enters at xen_pv_entry in 64-bit mode at CPL 3, with paging on, the virtual
 * address of the start_info page in %rsi, and a small stack in the last page that it mapped
 * (xen/xen.h, "Start-of-day memory layout"). %gs has no base yet, and C code needs one (the stack
 * check at each function's entry reads %gs), so set that first, by a hypercall.
 */
#include "lib/boot_info.h"
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
