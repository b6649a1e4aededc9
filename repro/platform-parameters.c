/* SPDX-License-Identifier: MIT */
/*
 * Where Xen's part of a guest's addresses begins, for a guest that does not share its addresses.
 *
 * @title     XENVER_platform_parameters of a PVH guest: an address of Xen's before 4.18
 * @affected  Xen before 4.18; fixed by 273bde319f
 * @platforms xen-pvh
 * @expect    4.14=bad 4.17=bad 4.20=good
 *
 * Background: virt_start is where Xen's addresses begin in a PV guest's page tables. A PVH guest
 * has page tables of its own, without Xen.
 *
 * Mechanism: Xen gave its own constant to every guest.
 *
 * Verdicts: good: 0. bad: an address.
 *
 * Cannot tell: for PV guests, where the value is of no use, and kept.
 */
#include "repro/kit.h"

REPRO("platform-parameters")
{
    struct xen_platform_parameters parameters = {.virt_start = 0x5eed};
    long result = KIT_NOT_MADE;

    kit_needs(KIT_XEN_PVH);
    STEP result = hc_xen_version(XENVER_platform_parameters, &parameters);
    EVIDENCE(result != KIT_NOT_MADE);
    if (!result && !parameters.virt_start)
        good("virt_start is 0");
    bad("result %ld, virt_start 0x%lx", result, (unsigned long)parameters.virt_start);
}
