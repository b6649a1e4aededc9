/* SPDX-License-Identifier: MIT */
/*
 * The functions of this ROM, one for each call that is not a no-op. It is compiled with nothing of
 * the kernel's but pv/rom/abi.h, as a ROM of another vendor would be. A weak function may be
 * replaced by that of an older version (old-argument.c, old-meaning.c).
 */
#ifndef PV_ROM_IMAGE_ROM_H
#define PV_ROM_IMAGE_ROM_H

#include "pv/rom/abi.h"

u32 rom_init(u32 major, u32 minor);

u64 rom_save_fl(void);
void rom_restore_fl(u64 flags);
void rom_irq_disable(void);
void rom_irq_enable(void);

void rom_cpuid(u32 leaf, u32 subleaf, u32 *regs);
u64 rom_read_cr0(void);
u64 rom_read_cr2(void);
void rom_write_cr2(u64 value);
u64 rom_read_cr4(void);
u64 rom_read_tsc(void);
void rom_clts(void);
void rom_stts(void);
void rom_wbinvd(void);
void rom_swapgs(void);
void rom_io_delay(void);

u64 rom_pfn_to_mfn(u64 frame);
u64 rom_mfn_to_pfn(u64 frame);
u64 rom_make_pte(u64 value);
u64 rom_pte_val(u64 entry);
u64 rom_make_pmd(u64 value);
u64 rom_pmd_val(u64 entry);
u64 rom_pud_val(u64 entry);
u64 rom_pgd_val(u64 entry);
void rom_set_pte(u64 *slot, u64 entry);
void rom_set_pmd(u64 *slot, u64 entry);
void rom_set_pud(u64 *slot, u64 entry);
void rom_set_pgd(u64 *slot, u64 entry);
void rom_set_ptes(u64 *slot, u64 value, u32 count);
void rom_init_ptes(u64 *slot, u64 value, u32 count);
void rom_clear_ptes(u64 *slot, u32 count);
u64 rom_ptep_get_and_clear(u64 *slot);
u64 rom_ptep_modify_prot_start(u64 *slot);
void rom_ptep_modify_prot_commit(u64 *slot, u64 old, u64 changed);
u32 rom_pin_root(u64 frame);
u64 rom_read_cr3(void);
void rom_write_cr3(u64 frame);
u32 rom_context_switch_start(void);
void rom_flush_tlb_one(u64 va);
void rom_flush_tlb_user(void);
void rom_flush_tlb_kernel(void);

void rom_lock_wait(const u8 *byte, u8 value);
u32 rom_vcpu_is_preempted(u32 cpu);
u64 rom_steal_ns(void);

#endif
