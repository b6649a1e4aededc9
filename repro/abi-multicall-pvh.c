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
 * Mechanism: each kind of guest has its own table of hypercalls in Xen. That of guests with
 * hardware virtualization (hvm_hypercall_table[] in arch/x86/hvm/hypercall.c) had no entry for a
 * multicall up to 4.14, so the call ended with -ENOSYS. 198a2bc6f1 added it for 4.15. The repro
 * makes a list of one call, xen_version.
 *
 * Verdicts: good if 4.14 refuses the multicall, or if a later version makes it and its call returns
 * Xen's version. bad if a version does what the other one should, or if the multicall succeeds and
 * its call does not.
 *
 * Cannot tell: which hypercalls a multicall may contain there.
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
