/* For mm/ itself: entries of a level that is known at run time only. */
#ifndef MM_PAGETABLE_H
#define MM_PAGETABLE_H

#include "mm/mm.h"
#include "pv/pv.h"

/* An entry that leads to a table: what may be done is said by the leaf. */
#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY)

static inline u64 entry_raw(int level, u64 value)
{
    switch (level) {
    case 1:
        return pv_make_pte(value).raw;
    case 2:
        return pv_make_pmd(value).raw;
    case 3:
        return pv_make_pud(value).raw;
    default:
        return pv_make_pgd(value).raw;
    }
}

static inline u64 entry_value(int level, u64 raw)
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

/* In an announced table. */
static inline void entry_set(int level, u64 *slot, u64 raw)
{
    switch (level) {
    case 1:
        pv_set_pte((pte_t *)slot, (pte_t){raw});
        break;
    case 2:
        pv_set_pmd((pmd_t *)slot, (pmd_t){raw});
        break;
    case 3:
        pv_set_pud((pud_t *)slot, (pud_t){raw});
        break;
    default:
        pv_set_pgd((pgd_t *)slot, (pgd_t){raw});
        break;
    }
}

/* Makes a user space's root: the kernel's half of it. PFN_INVALID without memory. */
pfn_t mm_new_root(void);

#endif
