/* SPDX-License-Identifier: MIT */
/*
 * Patch templates of Xen PV: the code that a call site of an op becomes. Each is the C function
 * that it names, by other means; irq.c explains the interrupt flag and why the order of its
 * instructions matters, cpu.c has the others. Change both together.
 *
 * vcpu_info is in the CPU's area, so that one instruction reaches it by %gs, on whichever CPU it is
 * executed.
 */
#include <asm-offsets.h>
#include "pv/patch/templates.inc"

	.set	pending, VCPU_PENDING
	.set	mask, VCPU_MASK
	.set	cr2, VCPU_CR2

/*
 * save_fl returns a value whose bit 9 (PV_FLAG_IF, 0x200) is set if mask is 0. pending and mask are
 * neighbouring bytes of value 0 or 1, and the 16-bit load reads both:
 *
 *	eax = pending + 0x100 * mask		movzwl
 *	2 * eax = 2 * pending + 0x200 * mask	bit 9 is mask
 *	2 * eax + 0x200				mask 0: 0x200 + 2 * pending, bit 9 set
 *						mask 1: 0x400 + 2 * pending, bit 9 clear
 *
 * Bits 1 and 10 are without meaning, as the other bits of RFLAGS are natively: restore_fl looks at
 * bit 9 only. Linux's testb, setz, addb gives the bit alone, and is one instruction more.
 */
	template	xen_pv_save_fl, "movzwl %gs:pending, %eax", "leal 0x200(, %rax, 2), %eax"
	template	xen_pv_irq_disable, "movb $1, %gs:mask"

/*
 * Unmask, then test pending. The test and the call do not fit into a site, which natively is one
 * instruction, so they are in a tail outside of the function: the site ends with a jump there.
 * restore_fl stores the reverse of bit 9 to mask, which enables or disables, and jumps to the tail
 * if the bit is set.
 */
	template_with_tail xen_pv_irq_enable, "movb $0, %gs:mask", , JUMP, \
		"cmpb $0, %gs:pending", xen_pv_force_upcall
	template_with_tail xen_pv_restore_fl, "btl $9, %edi", "setnc %gs:mask", JUMP_IF_CARRY, \
		"cmpb $0, %gs:pending", xen_pv_force_upcall

	template	xen_pv_read_cr2, "movq %gs:cr2, %rax"
	template	xen_pv_write_cr2, "movq %rdi, %gs:cr2"

	template	xen_pv_store_tr, "xorl %eax, %eax"

	template_nothing	xen_nop
	template_nothing	xen_irq_eoi
	template_nothing	xen_platform_init
