/* SPDX-License-Identifier: MIT */
/*
 * Raw edits of the page tables in use: see repro/kit.h. What mm/ and the op table would check is
 * not checked; what Xen thinks of an edit is its hypercall's result.
 */
#include "lib/address_map.h"
#include "mm/frame.h"
#include "mm/space.h"
#include "repro/kit.h"

/* Return the table of this level that translates va, in the direct map, or NULL. */
static u64 *table_of(u64 va, int level)
{
    pfn_t table = pv_read_cr3();

    for (int l = PT_LEVELS; l > level; l--) {
        const u64 raw = ((u64 *)pfn_to_va(table))[pt_index(va, l)];

        if (!(raw & PTE_PRESENT) || raw & PTE_PSE)
            return NULL;
        table = pv_mfn_to_pfn(MFN((raw & PTE_FRAME_MASK) >> PAGE_SHIFT));
        if (table.n == PFN_INVALID.n)
            return NULL;
    }
    return pfn_to_va(table);
}

static u64 *slot_of(u64 va, int level)
{
    u64 *table = table_of(va, level);

    if (!table)
        cannot_tell("nothing is mapped at 0x%llx down to level %d", (unsigned long long)va, level);
    return table + pt_index(va, level);
}

u64 kit_entry(u64 va, int level)
{
    return READ_ONCE(*slot_of(va, level));
}

u64 kit_entry_address(u64 va, int level)
{
    const u64 *slot = slot_of(va, level);

    return pv_pfn_to_mfn(va_to_pfn(slot)).n << PAGE_SHIFT | (u64)slot % PAGE_SIZE;
}

long kit_set_entry(u64 va, int level, u64 raw)
{
    struct mmu_update update = {.ptr = kit_entry_address(va, level) | MMU_NORMAL_PT_UPDATE,
                                .val = raw};

    if (kit_place() == KIT_XEN_PV)
        return hc_mmu_update(&update, 1, NULL, DOMID_SELF);
    WRITE_ONCE(*slot_of(va, level), raw);
    pv_flush_tlb_kernel();
    return 0;
}

u64 kit_region(void)
{
    static u64 next = REPRO_AREA_BASE;
    const u64 va = next;

    next += MIB(2);
    MUST(mm_populate(&mm_kernel, va, 1, MM_WRITE));
    return va;
}

void *kit_frame(void)
{
    const pfn_t pfn = frame_alloc(0, FRAME_ZEROED, FRAME_KERNEL);

    if (pfn.n == PFN_INVALID.n)
        cannot_tell("there is no memory left");
    return pfn_to_va(pfn);
}

void *kit_table(void)
{
    void *table = kit_frame();

    pv_announce_table(va_to_pfn(table), 1);
    return table;
}
