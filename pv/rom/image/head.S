/* SPDX-License-Identifier: MIT */
/*
 * The first bytes of an op ROM: what the firmware reads, the header, and the table of calls
 * (pv/rom/abi.h). The ROM is linked at address 0, so addresses are offsets. tools/build/rom.py
 * fills in the number of blocks and the byte that corrects the sum.
 *
 * rom_major is a symbol of the linker's command line, because a ROM may say that it is of another
 * version.
 */
#include "pv/rom/abi.h"

#define ROM_CALL(number, class, op, returns) .set number_##op, number;
#include "pv/rom/calls.def"

	.section .header, "a"
	.byte	0x55, 0xaa, 0
	.byte	0xcb			/* the firmware's call returns (lret, 16-bit code) */
	.byte	0, 0, 0, 0
	.ascii	ROM_MAGIC
	.short	rom_major, ROM_MINOR
	.long	rom_size
	.long	rom_calls, (rom_calls_end - rom_calls) / 8
	.long	rom_code, rom_code_size
	.long	rom_init
name:	.ascii	"Paravane's native ops"
	.org	name + 28

	.macro	has op
	.short	number_\op, ROM_CALL_TO
	.long	rom_\op
	.endm

	.macro	nothing op
	.short	number_\op, ROM_NOTHING
	.long	0
	.endm

rom_calls:
	has	save_fl
	has	restore_fl
	has	irq_disable
	has	irq_enable
	has	cpuid
	has	read_cr0
	has	read_cr2
	has	write_cr2
	has	read_cr4
	has	read_tsc
	has	clts
	has	stts
	has	wbinvd
	has	swapgs
	has	io_delay
	has	pfn_to_mfn
	has	mfn_to_pfn
	has	make_pte
	has	pte_val
	has	make_pmd
	has	pmd_val
	has	pud_val
	has	pgd_val
	has	set_pte
	has	set_pmd
	has	set_pud
	has	set_pgd
	has	set_ptes
	has	init_ptes
	has	clear_ptes
	has	ptep_get_and_clear
	has	ptep_modify_prot_start
	has	ptep_modify_prot_commit
	nothing	announce_table
	nothing	release_table
	has	pin_root
	nothing	unpin_root
	has	read_cr3
	has	write_cr3
	nothing	lazy_enter
	nothing	lazy_leave
	nothing	lazy_flush
	has	context_switch_start
	nothing	context_switch_end
	has	flush_tlb_one
	has	flush_tlb_user
	has	flush_tlb_kernel
	has	lock_wait
	nothing	lock_kick
	has	vcpu_is_preempted
	has	steal_ns
rom_calls_end:
