/*
 * The length in bytes of a hot op's call site: room for the longest code that a backend has for the
 * op (docs/patching.md). A shorter call or template is lengthened to fill it. For C and assembly.
 */
#ifndef PV_PATCH_LENGTHS_H
#define PV_PATCH_LENGTHS_H

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
