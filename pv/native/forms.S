/*
 * What native ops are in place of a call: the instruction itself (Intel SDM vol. 2). Each says the same as the
 * function that it names, which is what a call that is not patched runs.
 */
#include "pv/forms.inc"

/*
 * Class 2: the interrupt flag. popf has prefixes of its own, since the site is longer than one instruction can be.
 * safe_halt stays a call: its hlt is at one place, which the interrupt entry knows (entry.S).
 */
	form_push native_save_fl, "pushfq", "popq %rax"
	form_push native_restore_fl, "pushq %rdi", "cs; cs; cs; cs; popfq"
	form	native_irq_disable, "cli"
	form	native_irq_enable, "sti"

/* Class 2: registers. */
	form	native_read_cr0, "movq %cr0, %rax"
	form	native_read_cr2, "movq %cr2, %rax"
	form	native_write_cr2, "movq %rdi, %cr2"
	form	native_read_cr4, "movq %cr4, %rax"
	form	native_read_tsc, "rdtsc"
	form	native_clear_fpu_trap, "clts"
	form	native_wbinvd, "wbinvd"
	form	native_swapgs, "swapgs"

/* Class 3: an entry is its own value, a frame its own machine frame; CR3 holds the root's address. */
	form	native_pfn_to_mfn, "movq %rdi, %rax"
	form	native_mfn_to_pfn, "movq %rdi, %rax"
	form	native_make_pte, "movq %rdi, %rax"
	form	native_pte_val, "movq %rdi, %rax"
	form	native_make_pmd, "movq %rdi, %rax"
	form	native_pmd_val, "movq %rdi, %rax"
	form	native_pud_val, "movq %rdi, %rax"
	form	native_pgd_val, "movq %rdi, %rax"
	form	native_set_pte, "movq %rsi, (%rdi)"
	form	native_set_pmd, "movq %rsi, (%rdi)"
	form	native_set_pud, "movq %rsi, (%rdi)"
	form	native_set_pgd, "movq %rsi, (%rdi)"
	form	native_read_root, "movq %cr3, %rax"
	form	native_write_root, "movq %rdi, %cr3"
	form	native_flush_one, "invlpg (%rdi)"
	form	native_pin_root, "xorl %eax, %eax"
	form	native_context_switch_start, "xorl %eax, %eax"
	form_nothing native_announce_table
	form_nothing native_unpin_root
	form_nothing native_lazy_nop
	form_nothing native_context_switch_end

/* Class 4. */
	form	native_lock_wait, "pause"
	form	native_vcpu_is_preempted, "xorl %eax, %eax"
	form_nothing native_lock_kick
