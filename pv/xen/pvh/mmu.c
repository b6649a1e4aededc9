/*
 * Class 3 of a PVH guest: its page tables are the hardware's own, all but Xen's part is native.
 */
#include "pv/xen/hypercall.h"
#include "pv/xen/pvh/xen_pvh.h"
#include "pv/xen/xen.h"
#include <xen/hvm/hvm_op.h>

/*
 * The hardware translates our frames, so Xen takes them by their own numbers; the direct map stays
 * as it is, and reading what was given away gives ones.
 */
static s64 xen_pvh_balloon_adjust(pfn_t first, u64 count, bool give)
{
    u64 done;

    for (done = 0; done < count; done++) {
        xen_pfn_t frame = first.n + done;
        struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

        set_xen_guest_handle_raw(r.extent_start, &frame);
        if (xen_memory_op(give ? XENMEM_decrease_reservation : XENMEM_populate_physmap, &r) != 1)
            break;
    }
    return (s64)done;
}

/* Xen knows one way: all, on all vCPUs (xen/hvm/hvm_op.h). */
static int xen_pvh_flush_others(u64 cpus, u64 va)
{
    (void)va;
    if (!pv_others_are_up(&cpus))
        return -ENODEV;
    if (cpus && xen_hvm_op(HVMOP_flush_tlbs, NULL))
        pv_panic("flush_others", "Xen refuses HVMOP_flush_tlbs");
    return 0;
}

static u64 xen_pvh_hypercall_count(u64 *updates)
{
    *updates = 0;
    return xen_hypercalls;
}

const struct pv_host_ops xen_pvh_host_ops = {
    .flush_others = xen_pvh_flush_others,
    .balloon_adjust = xen_pvh_balloon_adjust,
    .hypercall_count = xen_pvh_hypercall_count,
};
