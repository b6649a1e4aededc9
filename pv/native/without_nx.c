/* SPDX-License-Identifier: MIT */
/*
 * Page tables on a CPU without NX (Intel SDM vol. 3, section 4.1.4). There bit 63 of an entry is
 * reserved, and an access through an entry that has it faults. The ops below drop the bit and
 * replace those that make entries. Everything that is mapped can be executed on such a CPU.
 */
#include "pv/native/native.h"
#include "pv/patch/patch.h"

static pte_t make_pte_without_nx(u64 value)
{
    return native_make_pte(value & ~PTE_NX);
}

static pmd_t make_pmd_without_nx(u64 value)
{
    return native_make_pmd(value & ~PTE_NX);
}

static pud_t make_pud_without_nx(u64 value)
{
    return native_make_pud(value & ~PTE_NX);
}

static pgd_t make_pgd_without_nx(u64 value)
{
    return native_make_pgd(value & ~PTE_NX);
}

static void set_ptes_without_nx(pte_t *slot, u64 value, u32 count)
{
    native_set_ptes(slot, value & ~PTE_NX, count);
}

static void set_fixmap_without_nx(enum pv_fixmap index, u64 value)
{
    native_set_fixmap(index, value & ~PTE_NX);
}

/* No templates exist for these functions, so their sites are calls. CPUs with NX pay nothing. */
void native_mmu_without_nx(void)
{
    pv_set_op(PV_INDEX(mmu.make_pte), make_pte_without_nx);
    pv_set_op(PV_INDEX(mmu.make_pmd), make_pmd_without_nx);
    pv_set_op(PV_INDEX(mmu.make_pud), make_pud_without_nx);
    pv_set_op(PV_INDEX(mmu.make_pgd), make_pgd_without_nx);
    pv_set_op(PV_INDEX(mmu.set_ptes), set_ptes_without_nx);
    pv_set_op(PV_INDEX(mmu.init_ptes), set_ptes_without_nx);
    pv_set_op(PV_INDEX(mmu.set_fixmap), set_fixmap_without_nx);
}
