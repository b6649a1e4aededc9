/* SPDX-License-Identifier: MIT */
/*
 * XSA-182 (CVE-2016-6258): the fast path for small changes of a page-table entry.
 *
 * @title     a read-only self-map made writable by the fast path of mmu_update
 * @advisory  https://xenbits.xen.org/xsa/advisory-182.html
 * @affected  all Xen before July 2016; fixed in 4.7.1
 * @platforms xen-pv
 * @expect    4.7.1+=good
 *
 * Background: a PV guest may map its root table into itself, read-only, as a linear page table.
 * Only Xen writes page tables.
 *
 * Mechanism: a change that leaves the frame as it is took a fast path, which skipped the checks of
 * the new flags. If write permission counts as a small change, a read-only self-map becomes a
 * writable one, and with it the guest owns its page tables.
 *
 * Verdicts: good: the change is refused. bad: it is made (and undone at once).
 *
 * Cannot tell: on a Xen built or booted without linear page tables, which refuses the first step.
 */
#include "repro/kit.h"

#define SELF_MAP  (DIRECT_MAP + (20ull << 39)) /* an unused slot of the root */
#define READ_ONLY (PTE_PRESENT | PTE_ACCESSED | PTE_USER)

REPRO("xsa-182")
{
    u64 self, after;
    long result = KIT_NOT_MADE;

    kit_needs(KIT_XEN_PV);
    self = kit_entry_address(SELF_MAP, 4) & PTE_FRAME_MASK;
    MUST(kit_set_entry(SELF_MAP, 4, self | READ_ONLY));
    STEP result = kit_set_entry(SELF_MAP, 4, self | READ_ONLY | PTE_WRITE);
    after = kit_entry(SELF_MAP, 4);
    kit_set_entry(SELF_MAP, 4, 0);
    EVIDENCE(result != KIT_NOT_MADE);
    if (after & PTE_WRITE)
        bad("the self-map became writable");
    if (result >= 0)
        cannot_tell("result %ld, but the entry is 0x%llx", result, (unsigned long long)after);
    good("write permission was refused: %ld", result);
}
