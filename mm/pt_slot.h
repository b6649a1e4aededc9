/* SPDX-License-Identifier: MIT */
/*
 * A slot of a page table whose level is known only at run time: where a level becomes a type.
 *
 * The ops take a type for each level (pte_t, pmd_t, pud_t, pgd_t), so that the compiler finds a
 * caller that mixes levels up. The walker (pagetable.c) and the builder of the kernel's tables
 * (kernel_tables.c) treat all levels in one loop; they walk over these, and convert here only.
 */
#ifndef MM_PT_SLOT_H
#define MM_PT_SLOT_H

#include "pv/pv.h"

union pt_slot {
    u64 raw; /* the entry that the hardware reads */
    pte_t pte;
    pmd_t pmd;
    pud_t pud;
    pgd_t pgd;
};

/* Return the raw entry of this level, 2 or above, for a value (pv/mmu_types.h). */
static inline u64 slot_raw(int level, u64 value)
{
    switch (level) {
    case 2:
        return pv_make_pmd(value).raw;
    case 3:
        return pv_make_pud(value).raw;
    default:
        return pv_make_pgd(value).raw;
    }
}

/* Return the value of a raw entry of this level. */
static inline u64 slot_value(int level, u64 raw)
{
    switch (level) {
    case 1:
        return pv_pte_val((pte_t){raw});
    case 2:
        return pv_pmd_val((pmd_t){raw});
    case 3:
        return pv_pud_val((pud_t){raw});
    default:
        return pv_pgd_val((pgd_t){raw});
    }
}

/* Write a raw entry to a slot of an announced table of this level, 2 or above. */
static inline void slot_set(int level, union pt_slot *slot, u64 raw)
{
    switch (level) {
    case 2:
        pv_set_pmd(&slot->pmd, (pmd_t){raw});
        break;
    case 3:
        pv_set_pud(&slot->pud, (pud_t){raw});
        break;
    default:
        pv_set_pgd(&slot->pgd, (pgd_t){raw});
        break;
    }
}

#endif
