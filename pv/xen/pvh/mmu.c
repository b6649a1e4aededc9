/* SPDX-License-Identifier: MIT */
/*
 * The memory ops of a PVH guest that differ from the native ones. The hardware translates the
 * guest's frame numbers (nested paging), so page tables are native; only Xen can change which
 * memory a frame has, and flush the TLBs of other vCPUs without an IPI.
 */
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"
#include "pv/xen/pvh/xen_pvh.h"
#include <xen/hvm/hvm_op.h>

/*
 * Xen takes a list of the guest's own frame numbers here. The direct map keeps its entries; a read
 * of a frame that was given back returns ones.
 */
static s64 xen_pvh_balloon_adjust(pfn_t first, u64 count, bool away)
{
    const unsigned int cmd = away ? XENMEM_decrease_reservation : XENMEM_populate_physmap;
    u64 frames[32], done = 0, wanted, changed;

    do {
        wanted = MIN(count - done, ARRAY_SIZE(frames));
        for (u64 i = 0; i < wanted; i++)
            frames[i] = first.n + done + i;
        changed = xen_memory_reservation(cmd, frames, wanted);
        done += changed;
    } while (done < count && changed == wanted);
    return (s64)done;
}

/* Xen offers one kind of flush: everything, on all vCPUs (xen/hvm/hvm_op.h). */
static int xen_pvh_flush_tlb_others(u64 cpus, u64 va)
{
    (void)va;
    cpus &= ~(1ull << pv_this_cpu());
    if (!cpus)
        return 0;
    if (!pv_cpus_are_up(cpus))
        return -ENODEV;
    if (xen_hvm_op(HVMOP_flush_tlbs, NULL))
        pv_panic("flush_tlb_others", "Xen refuses HVMOP_flush_tlbs");
    return 0;
}

const struct pv_host_ops xen_pvh_host_ops = {
    .flush_tlb_others = xen_pvh_flush_tlb_others,
    .balloon_adjust = xen_pvh_balloon_adjust,
    .hypercall_count = xen_hypercall_count,
};
