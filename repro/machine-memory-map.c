/* SPDX-License-Identifier: MIT */
/*
 * The machine's memory map, asked for by a PVH dom0.
 *
 * @title     XENMEM_machine_memory_map of a PVH dom0: -ENOSYS before 4.19
 * @affected  Xen before 4.19; fixed by db04be9e7d
 * @platforms xen-pvh
 * @expect    4.14=bad 4.17=bad 4.20=good
 *
 * Background: the control domain asks for the host's memory map, to give it to a guest whose
 * devices are the host's (e820_host). A PV dom0 is answered.
 *
 * Mechanism: the call was refused to all guests with hardware virtualization, also if such a guest
 * is the control domain.
 *
 * Verdicts: good: a map with entries. bad: -ENOSYS. The guest's own map (XENMEM_memory_map), which
 * is the same call otherwise, must be had.
 *
 * Cannot tell: in a guest that is not the control domain, which is refused rightly.
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
