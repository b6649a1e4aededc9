/* SPDX-License-Identifier: MIT */
/*
 * The hypercall page, and a function for each hypercall of hypercall.h.
 *
 * Xen fills the page with one entry of 32 bytes a hypercall (xen/xen.h), because the instruction
 * differs: syscall for a PV guest, vmcall or vmmcall for a PVH guest. A PV guest names the page by
 * an ELF note, and Xen fills it before it enters the kernel; a PVH guest writes the page's address
 * to an MSR (pvh/setup.c).
 */
#include "lib/address_map.h"
#include <xen/xen.h>

	.section .hypercall_page, "ax", @nobits
	.balign	4096
	.globl	hypercall_page
hypercall_page:
	.skip	4096

/*
 * A hypercall takes its arguments and returns its result in the registers of a C function, except
 * for the fourth argument, which is in r10 instead of rcx. domain is the fourth argument of the
 * hypercalls that have one. Callers rely on callee-saved registers only, because a debug build of
 * Xen overwrites the argument registers (xen/arch-x86/xen-x86_64.h).
 */
	.macro	hypercall name, number, domain
	.section .text.\name, "ax", @progbits
	.balign	32			/* so that no page ends in the jump */
	.globl	\name
	.type	\name, @function
\name:
	incq	xen_hypercalls(%rip)
	incq	xen_hypercalls_by + 8 * \number(%rip)
	.ifnb	\domain
	movl	$\domain, %r10d
	.endif
90:	jmp	hypercall_page + \number * 32
	.size	\name, . - \name
	.section .rodata.hypercall_jumps, "a"
	.long	90b - VIRT_BASE, \number
	.endm

	/* Of each function its jump and its number, for pv/record/. */
	.section .rodata.hypercall_jumps, "a"
	.balign	4
	.globl	xen_hypercall_jumps, xen_hypercall_jumps_end
xen_hypercall_jumps:

	hypercall xen_set_trap_table, __HYPERVISOR_set_trap_table
	hypercall xen_console_io, __HYPERVISOR_console_io
	hypercall xen_memory_op, __HYPERVISOR_memory_op
	hypercall xen_sched_op, __HYPERVISOR_sched_op
	hypercall xen_event_channel_op, __HYPERVISOR_event_channel_op
	hypercall xen_grant_table_op, __HYPERVISOR_grant_table_op
	hypercall xen_callback_op, __HYPERVISOR_callback_op
	hypercall xen_hvm_op, __HYPERVISOR_hvm_op
	hypercall xen_platform_op, __HYPERVISOR_platform_op
	hypercall xen_version, __HYPERVISOR_xen_version
	hypercall xen_vcpu_op, __HYPERVISOR_vcpu_op
	hypercall xen_set_gdt, __HYPERVISOR_set_gdt
	hypercall xen_update_descriptor, __HYPERVISOR_update_descriptor
	hypercall xen_stack_switch, __HYPERVISOR_stack_switch
	hypercall xen_fpu_taskswitch, __HYPERVISOR_fpu_taskswitch
	hypercall xen_set_debugreg, __HYPERVISOR_set_debugreg
	hypercall xen_get_debugreg, __HYPERVISOR_get_debugreg
	hypercall xen_set_segment_base, __HYPERVISOR_set_segment_base
	hypercall xen_physdev_op, __HYPERVISOR_physdev_op
	hypercall xen_mmu_update, __HYPERVISOR_mmu_update, DOMID_SELF
	hypercall xen_mmuext_op, __HYPERVISOR_mmuext_op, DOMID_SELF
	hypercall xen_update_va_mapping, __HYPERVISOR_update_va_mapping

xen_hypercall_jumps_end:
