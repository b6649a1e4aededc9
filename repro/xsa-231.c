/* SPDX-License-Identifier: MIT */
/*
 * XSA-231 (CVE-2017-14316): the number of a NUMA node, unchecked.
 *
 * @title     memory from a NUMA node that does not exist
 * @advisory  https://xenbits.xen.org/xsa/advisory-231.html
 * @affected  Xen 3.x to 4.9; fixed in 4.9.1
 * @platforms xen-pv xen-pvh
 * @expect    4.9.1+=good
 *
 * Background: calls that allocate memory may name the node that it is to come from. Xen holds data
 * for each node in an array of 64.
 *
 * Mechanism: Xen used the number as an index without a check, and read beyond the array.
 *
 * Verdicts: good: no memory is allocated for node 200, though there is some from node 0 and from
 * any. bad: there is memory, or the hypervisor crashes.
 *
 * Cannot tell: where the node's number is ignored, as for a guest other than dom0.
 */
#include "repro/kit.h"

static long populate(u64 gfn, unsigned int mem_flags)
{
    xen_pfn_t frame = gfn;
    struct xen_memory_reservation op = {
        .nr_extents = 1, .mem_flags = mem_flags, .domid = DOMID_SELF};

    set_xen_guest_handle_raw(op.extent_start, &frame);
    return hc_memory_op(XENMEM_populate_physmap, &op);
}

REPRO("xsa-231")
{
    pfn_t gfn;
    long bad_node = KIT_NOT_MADE, node_0;

    kit_needs(KIT_XEN);
    gfn = va_to_pfn(kit_frame());
    if (pv_balloon_adjust(gfn, 1, true) != 1)
        cannot_tell("a frame could not be given back, to make room");
    STEP bad_node = populate(gfn.n, XENMEMF_exact_node(200));
    node_0 = bad_node == 1 ? 1 : populate(gfn.n, XENMEMF_exact_node(0));
    if (node_0 != 1)
        cannot_tell("no memory from node 0 either: %ld", node_0);
    EVIDENCE(bad_node != KIT_NOT_MADE);
    if (bad_node != 1)
        good("from node 200: no memory (%ld); from node 0: 1 frame", bad_node);
    bad("a frame came from node 200");
}
