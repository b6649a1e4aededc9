/* SPDX-License-Identifier: MIT */
/*
 * A multicall of a PVH guest.
 *
 * @title     multicall on PVH: -ENOSYS in 4.14, works since
 * @affected  a fact of the ABI, no bug
 * @platforms xen-pvh
 * @expect    4=good
 *
 * Background: a multicall is one hypercall that makes a list of hypercalls.
 *
 * Mechanism: up to 4.14 guests with hardware virtualization did not have this hypercall.
 *
 * Verdicts: good: as this version does. bad: the other way round.
 *
 * Cannot tell: which calls a multicall may hold there.
 */
#include "repro/kit.h"

REPRO("abi-multicall-pvh")
{
    struct multicall_entry call = MULTICALL(__HYPERVISOR_xen_version, XENVER_version);
    long result = KIT_NOT_MADE;

    kit_needs(KIT_XEN_PVH);
    STEP result = hc_multicall(&call, 1);
    if (!result && call.result != kit_xen_version())
        bad("the multicall succeeded, its call did not: 0x%lx", (unsigned long)call.result);
    expect("the multicall", result, kit_xen_version() < XEN_VERSION(4, 15) ? -XEN_ENOSYS : 0);
}
