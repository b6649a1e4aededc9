/* SPDX-License-Identifier: MIT */
/*
 * A page table's entry for a device, in an unprivileged domain.
 *
 * @title     an entry for the local APIC's frame in a PV domU: -EPERM
 * @affected  a fact of the ABI, no bug
 * @platforms domu-pv
 * @expect    4=good
 *
 * Background: a PV guest writes machine frames into its page tables. Frames of RAM have an owner,
 * whom Xen checks. Frames of devices have none; which of them a domain may map is a list of the
 * domain, empty for a domU without devices. A domU that could map the local APIC could send
 * interrupts to Xen.
 *
 * Mechanism: get_page_from_l1e() in Xen (arch/x86/mm.c) asks iomem_access_permitted() about each
 * frame that is not RAM.
 *
 * Verdicts: good: -EPERM, and the old entry is still there. bad: the entry was accepted; it is
 * removed without an access through it.
 *
 * Cannot tell: in dom0, whose list has nearly all devices.
 */
#include "pv/xen/xen.h"
#include "repro/kit.h"

#define APIC_FRAME 0xfee00ull
#define FLAGS      (PTE_PRESENT | PTE_WRITE) /* a cache attribute would be refused by itself */

REPRO("domu-device-memory")
{
    const u64 va = (u64)kit_page();
    const u64 old = kit_entry(va, 1);
    long result = KIT_NOT_MADE;

    kit_needs(KIT_XEN_PV);
    if (xen_is_dom0())
        cannot_tell("this is dom0, which may map devices");
    STEP result = kit_set_entry(va, 1, APIC_FRAME << PAGE_SHIFT | FLAGS);
    EVIDENCE(result != KIT_NOT_MADE);
    if (!result) {
        MUST(kit_set_entry(va, 1, old));
        bad("the entry was accepted");
    }
    if (kit_entry(va, 1) != old)
        bad("result %ld, but the entry is 0x%llx", result, (unsigned long long)kit_entry(va, 1));
    expect("the result of the update", result, -EPERM);
}
