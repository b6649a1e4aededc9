/* SPDX-License-Identifier: MIT */
/* What a suspend does to the pages that a PV guest shares with Xen and the toolstack. */
#include "pv/xen/pv/xen_pv.h"
#include "pv/xen/xen.h"

/*
 * The frames of the rings of xenstore and console, as start_info has them while this domain runs:
 * mfns. A toolstack that saves wants pfns there, and writes the mfns of the new domain when it
 * restores. Written: by suspend, on the only CPU that is up.
 */
static u64 store_mfn, console_mfn;

/* Return the pfn, or the mfn itself if the frame is not this domain's: there is no such ring. */
static u64 pfn_of_ring(u64 mfn)
{
    const pfn_t pfn = xen_pv_mfn_to_pfn(MFN(mfn));

    return pfn.n == PFN_INVALID.n ? mfn : pfn.n;
}

/*
 * shared_info is a frame of Xen's. A toolstack drops the page table that maps such a frame, so map
 * the image's own frame of that page instead.
 */
u64 xen_pv_before_suspend(void)
{
    struct start_info *const info = xen_pv_start_info();

    store_mfn = info->store_mfn;
    console_mfn = info->console.domU.mfn;
    info->store_mfn = pfn_of_ring(store_mfn);
    info->console.domU.mfn = pfn_of_ring(console_mfn);
    if (xen_pv_set_writable(xen_shared_info_page, true))
        pv_panic("suspend", "Xen refuses to unmap the shared_info page");
    return xen_pv_virt_to_mfn(info);
}

const char *xen_pv_after_suspend(bool cancelled)
{
    struct start_info *const info = xen_pv_start_info();
    const char *error = xen_map_shared_info();

    if (error)
        return error;
    if (cancelled) {
        info->store_mfn = store_mfn;
        info->console.domU.mfn = console_mfn;
    } else {
        xen_pv_read_max_mfn();
        xen_pv_publish_p2m();
    }
    return NULL;
}
