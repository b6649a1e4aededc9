/* SPDX-License-Identifier: MIT */
/*
 * A grant copy of no bytes, with references that do not exist.
 *
 * @title     zero-length grant copy looks at its references
 * @affected  Xen before 4.20; changed by a4a790f432
 * @platforms xen-pv xen-pvh
 * @expect    4.14=bad 4.17.5=bad 4.17.7=bad 4.20=good
 *
 * Background: GNTTABOP_copy copies between frames, each named by its number or by a grant. Backends
 * do pass operations of length 0.
 *
 * Mechanism: Xen looked up both references before it knew that there was nothing to copy, so that a
 * no-op could fail.
 *
 * Verdicts: good: status 0. bad: an error status. A copy of one byte with the same references must
 * fail on both.
 *
 * Cannot tell: nothing known.
 */
#include "repro/kit.h"

#define NO_SUCH_REF 0xffffff
#define NO_STATUS   0x5eed

static int16_t grant_copy(u16 length)
{
    struct gnttab_copy op = {
        .source = {.u.ref = NO_SUCH_REF, .domid = DOMID_SELF},
        .dest = {.u.ref = NO_SUCH_REF, .domid = DOMID_SELF},
        .len = length,
        .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref,
        .status = NO_STATUS,
    };

    STEP MUST(hc_grant_table_op(GNTTABOP_copy, &op, 1));
    return op.status;
}

REPRO("grant-copy-zero-length")
{
    int16_t one, none;

    kit_needs(KIT_XEN);
    one = grant_copy(1);
    none = grant_copy(0);
    if (one == GNTST_okay)
        cannot_tell("a copy of one byte by a bad reference succeeded");
    EVIDENCE(one != NO_STATUS && none != NO_STATUS);
    if (none == GNTST_okay)
        good("one byte: status %d; no bytes: status 0", one);
    bad("no bytes: status %d instead of 0", none);
}
