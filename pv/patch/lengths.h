/* SPDX-License-Identifier: MIT */
/*
 * Lengths in bytes of everything that patching moves around, for C and assembly.
 * tools/build/sites.py gets its share by symbols of pv/patch/thunks.S.
 */
#ifndef PV_PATCH_LENGTHS_H
#define PV_PATCH_LENGTHS_H

#define PV_BRANCH_LENGTH   5  /* a call or jmp with a 32-bit distance */
#define PV_INSTRUCTION_MAX 15 /* of the CPU's, prefixes included; a longer one raises #GP */
#define PV_THUNK_SIZE      6  /* a pv_NAME: jmp with a 32-bit distance to its slot */
#define PV_HOT_SIZE        16 /* a pv_hot_NAME, padded to this */
#define PV_TAIL_SIZE       25 /* a tail: a test of 9 bytes and 16 bytes of branches */

/* The hot ops whose sites may have a tail. */
#define PV_OPS_WITH_TAIL(OP) \
    OP(restore_fl) \
    OP(irq_enable)

/*
 * The call site of each hot op: room for the longest code that a backend has for the op
 * (docs/patching.md). A shorter call or template is lengthened to fill it.
 */
#define PV_LENGTH_read_cr2      9
#define PV_LENGTH_write_cr2     9
#define PV_LENGTH_read_tsc      5
#define PV_LENGTH_save_fl       16
#define PV_LENGTH_restore_fl    19
#define PV_LENGTH_irq_disable   9
#define PV_LENGTH_irq_enable    14
#define PV_LENGTH_pfn_to_mfn    5
#define PV_LENGTH_mfn_to_pfn    5
#define PV_LENGTH_make_pte      5
#define PV_LENGTH_pte_val       5
#define PV_LENGTH_make_pmd      5
#define PV_LENGTH_pmd_val       5
#define PV_LENGTH_make_pud      5
#define PV_LENGTH_pud_val       5
#define PV_LENGTH_make_pgd      5
#define PV_LENGTH_pgd_val       5
#define PV_LENGTH_set_pte       5
#define PV_LENGTH_set_pmd       5
#define PV_LENGTH_set_pud       5
#define PV_LENGTH_set_pgd       5
#define PV_LENGTH_read_cr3      5
#define PV_LENGTH_write_cr3     5
#define PV_LENGTH_flush_tlb_one 5

#endif
