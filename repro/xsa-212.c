/* SPDX-License-Identifier: MIT */
/*
 * XSA-212 (CVE-2017-7228): memory_exchange and the start of its lists.
 *
 * @title     XENMEM_exchange checks the wrong end of its lists
 * @advisory  https://xenbits.xen.org/xsa/advisory-212.html
 * @affected  Xen 4.0 to 4.8; fixed in 4.8.1
 * @platforms xen-pv
 * @expect    4.8.1+=good
 *
 * Background: XENMEM_exchange trades frames. The guest passes two lists and the number of entries
 * that are already done (nr_exchanged), because Xen itself restarts the call that way.
 *
 * Mechanism: Xen checked that the lists start at guest addresses, but began at entry nr_exchanged.
 * A large number puts that entry anywhere, including Xen's own memory.
 *
 * Here the output list starts at a guest address and its next entry is in Xen's range. The frame to
 * give is invalid, so that a Xen with the bug writes nothing either.
 *
 * Verdicts: good: -EFAULT, for the list. bad: -EINVAL, which comes only once the frame is looked
 * at, and which is what proper lists give.
 *
 * Cannot tell: whether the input list is checked as well.
 */
#include "repro/kit.h"

#define GUEST_ADDRESS 0x1000
#define XEN_ADDRESS   0xffff830000000000

static long exchange(u64 in, u64 out, u64 done)
{
    struct xen_memory_exchange exchange = {
        .in = {.nr_extents = done + 1, .domid = DOMID_SELF},
        .out = {.nr_extents = done + 1, .domid = DOMID_SELF},
        .nr_exchanged = done,
    };

    set_xen_guest_handle_raw(exchange.in.extent_start, (xen_pfn_t *)(in - done * 8));
    set_xen_guest_handle_raw(exchange.out.extent_start, (xen_pfn_t *)out);
    return hc_memory_op(XENMEM_exchange, &exchange);
}

REPRO("xsa-212")
{
    xen_pfn_t invalid = ~0ull, room = 0;
    long proper, result = KIT_NOT_MADE;

    kit_needs(KIT_XEN_PV);
    proper = exchange((u64)&invalid, (u64)&room, 0);
    if (proper != -EINVAL)
        cannot_tell("proper lists and an invalid frame: %ld instead of -EINVAL", proper);
    STEP result = exchange((u64)&invalid, GUEST_ADDRESS, (XEN_ADDRESS - GUEST_ADDRESS) / 8);
    EVIDENCE(result != KIT_NOT_MADE);
    if (result == -XEN_EFAULT)
        good("an entry in Xen's memory: -EFAULT");
    bad("an entry in Xen's memory: %ld instead of -EFAULT", result);
}
