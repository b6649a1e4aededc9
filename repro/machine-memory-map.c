/* SPDX-License-Identifier: MIT */
/*
 * The machine's memory map, asked for by a PVH dom0.
 *
 * @title     XENMEM_machine_memory_map of a PVH dom0: -ENOSYS before 4.19
 * @affected  Xen before 4.19; fixed by db04be9e7d
 * @platforms xen-pvh
 * @expect    4.14=bad 4.17=bad 4.20=good
 *
 * Background: a control domain asks for the host's memory map when it builds a guest that is to
 * have the same one, because the host's devices are passed through to it (e820_host of xl.cfg).
 *
 * Mechanism: hvm_memory_op() in Xen (arch/x86/hvm/hypercall.c) refused XENMEM_machine_memory_map
 * with -ENOSYS to every guest with hardware virtualization, also to a PVH dom0. A PV dom0 was never
 * refused.
 *
 * Verdicts: good if the call returns 0 and a map with entries. bad if it returns anything else. The
 * guest's own map, by XENMEM_memory_map, has to be available on every version.
 *
 * Cannot tell: in a domU, to which Xen refuses the host's map for good reason.
 */
#include "repro/kit.h"

#define ENTRY_SIZE 20 /* of an e820 table: base, size, type */

static long map_entries(u32 command, u32 *entries)
{
    struct xen_memory_map map = {.nr_entries = PAGE_SIZE / ENTRY_SIZE};
    long result;

    set_xen_guest_handle_raw(map.buffer, kit_page());
    result = hc_memory_op(command, &map);
    *entries = map.nr_entries;
    return result;
}

REPRO("machine-memory-map")
{
    u32 own, entries = 0;
    long result = KIT_NOT_MADE;

    kit_needs(KIT_XEN_PVH);
    MUST(map_entries(XENMEM_memory_map, &own));
    STEP result = map_entries(XENMEM_machine_memory_map, &entries);
    EVIDENCE(result != KIT_NOT_MADE);
    if (!result && entries)
        good("%u entries, the guest's own map has %u", entries, own);
    bad("result %ld, %u entries", result, entries);
}
