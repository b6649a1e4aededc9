/*
 * Native ops that are one instruction or two (Intel SDM vol. 2): the function, which is what a call runs that is not
 * patched, and the same in place of a call (pv/patch/templates.inc). Ops that natively are alike are one function. Whatever
 * these touch, none uses the stack, so that none need check it.
 */
#include "pv/patch/templates.inc"

	.macro	op first:req, more
100:	\first
	\more
	ret
	template	100b, "\first", "\more"
	.text
	.endm

	.macro	op_push first:req, more:req
100:	\first
	\more
	ret
	form_push 100b, "\first", "\more"
	.text
	.endm

	.text

/*
 * The interrupt flag. popf has prefixes of its own, since the site is longer than one instruction can be.
 * safe_halt stays a call: its hlt is at one place, which the interrupt entry knows (entry.S).
 */
	.globl	native_save_fl, native_restore_fl, native_irq_disable, native_irq_enable
native_save_fl:
	op_push	"pushfq", "popq %rax"
native_restore_fl:
	op_push	"pushq %rdi", "cs; cs; cs; cs; popfq"
native_irq_disable:
	op	"cli"
native_irq_enable:
	op	"sti"

/* Registers. */
	.globl	native_read_cr0, native_read_cr2, native_write_cr2, native_read_cr4
	.globl	native_clts, native_wbinvd, native_swapgs
native_read_cr0:
	op	"movq %cr0, %rax"
native_read_cr2:
	op	"movq %cr2, %rax"
native_write_cr2:
	op	"movq %rdi, %cr2"
native_read_cr4:
	op	"movq %cr4, %rax"
native_clts:
	op	"clts"
native_wbinvd:
	op	"wbinvd"
native_swapgs:
	op	"swapgs"

/* Of a C function, whose result is in one register, or an address instead of what CR3 holds. */
	template	native_read_tsc, "rdtsc"
	template	native_read_cr3, "movq %cr3, %rax"
	template	native_write_cr3, "movq %rdi, %cr3"
	.text

/* Page tables: an entry is its own value, a frame its own machine frame. */
	.globl	native_pfn_to_mfn, native_mfn_to_pfn, native_make_pte, native_pte_val
	.globl	native_make_pmd, native_pmd_val, native_pud_val, native_pgd_val
native_pfn_to_mfn:
native_mfn_to_pfn:
native_make_pte:
native_pte_val:
native_make_pmd:
native_pmd_val:
native_pud_val:
native_pgd_val:
	op	"movq %rdi, %rax"

	.globl	native_set_pte, native_set_pmd, native_set_pud, native_set_pgd
native_set_pte:
native_set_pmd:
native_set_pud:
native_set_pgd:
	op	"movq %rsi, (%rdi)"

	.globl	native_flush_tlb_one
native_flush_tlb_one:
	op	"invlpg (%rdi)"

/* Locks. */
	.globl	native_lock_wait
native_lock_wait:
	op	"pause"

/* What natively is always 0, and what is nothing to do. */
	.globl	native_pin_root, native_context_switch_start, native_vcpu_is_preempted
	.globl	native_startup_ipi_hook, native_steal_ns
native_pin_root:
native_context_switch_start:
native_vcpu_is_preempted:
native_startup_ipi_hook:			/* the IPIs are to be sent: nobody here can set a CPU's state */
native_steal_ns:
	op	"xorl %eax, %eax"

	.globl	native_announce_table, native_release_table, native_unpin_root
	.globl	native_lazy_enter, native_lazy_leave, native_lazy_flush, native_context_switch_end, native_lock_kick
native_announce_table:
native_release_table:
native_unpin_root:
native_lazy_enter:
native_lazy_leave:
native_lazy_flush:
native_context_switch_end:
native_lock_kick:
	ret
	form_nothing native_lazy_enter
