/*
 * What ops are on Xen PV in place of a call. The interrupt flag is a byte that Xen reads too, in the CPU's own
 * area: one instruction reaches it by %gs, on whichever CPU that is then executed. Each says the same as the
 * function that it names (irq.c, cpu.c).
 */
#include "pv/cpu_area.h"
#include "pv/patch/templates.inc"
#include "pv/xen/pv/vcpu_info.h"

	.set	pending, VCPU_PENDING
	.set	mask, VCPU_MASK
	.set	cr2, VCPU_CR2

/* The word holds pending and mask, 0 or 1 each: twice the mask, which is bit 8, and the bit itself is its reverse. */
	template	xen_pv_save_fl, "movzwl %gs:pending, %eax", "leal 0x200(, %rax, 2), %eax"
	template	xen_pv_irq_disable, "movb $1, %gs:mask"

/* Unmask, then look (irq.c); the rest is out of the way, since natively the site is one instruction. */
	form_with_tail xen_pv_irq_enable, "movb $0, %gs:mask", , JUMP, \
		"cmpb $0, %gs:pending", xen_pv_force_upcall
	form_with_tail xen_pv_restore_fl, "btl $9, %edi", "setnc %gs:mask", JUMP_IF_CARRY, \
		"cmpb $0, %gs:pending", xen_pv_force_upcall

	template	xen_pv_read_cr2, "movq %gs:cr2, %rax"
	template	xen_pv_write_cr2, "movq %rdi, %gs:cr2"

	template	xen_pv_store_tr, "xorl %eax, %eax"
	form_nothing xen_nop
