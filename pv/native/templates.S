/* SPDX-License-Identifier: MIT */
/*
 * Patch templates of native ops that are one instruction or two (Intel SDM vol. 2): what takes the
 * place of a call when sites are patched (pv/patch/templates.inc). Each names the function that it
 * replaces, which does the same: patching changes the cost of a call and nothing else.
 *
 * A template finds its argument in %rdi and %rsi, and leaves its result in %rax.
 */
#include "pv/patch/templates.inc"

/*
 * flag.c. popfq has four prefixes of its own, because the site is longer than one instruction can
 * be. safe_halt has no template: its hlt is at one address, which the interrupt entry checks
 * (entry.S).
 */
	template_push native_save_fl, "pushfq", "popq %rax"
	template_push native_restore_fl, "pushq %rdi", "cs; cs; cs; cs; popfq"
	template native_irq_disable, "cli"
	template native_irq_enable, "sti"

/*
 * cpu.c. rdtsc leaves the upper half of its result in %rdx; the site's inline assembly joins them.
 */
	template native_read_cr0, "movq %cr0, %rax"
	template native_read_cr2, "movq %cr2, %rax"
	template native_write_cr2, "movq %rdi, %cr2"
	template native_read_cr4, "movq %cr4, %rax"
	template native_read_tsc, "rdtsc"
	template native_clts, "clts"
	template native_wbinvd, "wbinvd"
	template native_swapgs, "swapgs"

/*
 * mmu.c. Sites of read_cr3 and write_cr3 hold the address that CR3 does, and the ops a frame's
 * number.
 */
	template native_read_cr3, "movq %cr3, %rax"
	template native_write_cr3, "movq %rdi, %cr3"
	template native_flush_tlb_one, "invlpg (%rdi)"

	template native_pfn_to_mfn, "movq %rdi, %rax"
	template native_mfn_to_pfn, "movq %rdi, %rax"
	template native_make_pte, "movq %rdi, %rax"
	template native_make_pmd, "movq %rdi, %rax"
	template native_pte_val, "movq %rdi, %rax"
	template native_pmd_val, "movq %rdi, %rax"
	template native_pud_val, "movq %rdi, %rax"
	template native_pgd_val, "movq %rdi, %rax"

	template native_set_pte, "movq %rsi, (%rdi)"
	template native_set_pmd, "movq %rsi, (%rdi)"
	template native_set_pud, "movq %rsi, (%rdi)"
	template native_set_pgd, "movq %rsi, (%rdi)"

	template_nothing native_announce_table
	template_nothing native_release_table
	template_nothing native_unpin_root
	template_nothing native_lazy_enter
	template_nothing native_lazy_leave
	template_nothing native_lazy_flush
	template_nothing native_context_switch_end
	template native_pin_root, "xorl %eax, %eax"
	template native_context_switch_start, "xorl %eax, %eax"

/* lock.c, clock.c, smp.c */
	template native_lock_wait, "pause"
	template_nothing native_lock_kick
	template native_vcpu_is_preempted, "xorl %eax, %eax"
	template native_steal_ns, "xorl %eax, %eax"
	template native_startup_ipi_hook, "xorl %eax, %eax"
