/* SPDX-License-Identifier: MIT */
/*
 * XSA-227 (CVE-2017-12137): a grant mapped through an unaligned page-table entry.
 *
 * @title     GNTTABOP_map_grant_ref through an unaligned page-table entry
 * @advisory  https://xenbits.xen.org/xsa/advisory-227.html
 * @affected  all Xen before August 2017; fixed in 4.9.1
 * @platforms xen-pv
 * @expect    4.9.1+=good
 *
 * Background: with GNTMAP_contains_pte a PV guest names the page-table entry that is to map the
 * grant by its machine address.
 *
 * Mechanism: the address was not checked to be a multiple of 8. Xen then wrote an entry across two
 * others, and the guest could choose what the halves made together.
 *
 * Verdicts: good: an error status for an address off by 4. bad: success. The same with the proper
 * address must succeed, before and after.
 *
 * Cannot tell: nothing known. Where the bug is, two unused entries are left damaged.
 */
#include "repro/kit.h"

#define REF 8 /* the first ones are reserved */

static int map_grant(u64 entry, grant_handle_t *handle)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = entry, .flags = GNTMAP_host_map | GNTMAP_contains_pte, .ref = REF, .dom = 0};

    MUST(hc_grant_table_op(GNTTABOP_map_grant_ref, &op, 1));
    *handle = op.handle;
    return op.status;
}

static int unmap_grant(u64 entry, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref op = {.host_addr = entry, .handle = handle};

    MUST(hc_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1));
    return op.status;
}

REPRO("xsa-227")
{
    grant_handle_t handle;
    u64 entry;
    long unaligned = KIT_NOT_MADE;
    int aligned, unmapped;

    kit_needs(KIT_XEN_PV);
    entry = kit_entry_address(kit_region() + 16 * PAGE_SIZE, 1);
    kit_grant(REF, kit_frame(), 0);
    aligned = map_grant(entry, &handle);
    unmapped = aligned == GNTST_okay ? unmap_grant(entry, handle) : 0;
    if (aligned != GNTST_okay || unmapped != GNTST_okay)
        cannot_tell("at the proper address: map %d, unmap %d", aligned, unmapped);
    STEP unaligned = map_grant(entry + 4, &handle);
    EVIDENCE(unaligned != KIT_NOT_MADE);
    if (unaligned != GNTST_okay)
        good("an unaligned entry: status %ld", unaligned);
    bad("a grant was mapped through an unaligned entry");
}
