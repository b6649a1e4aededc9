/* SPDX-License-Identifier: MIT */
/*
 * Which machine frames a Xen PV guest has (xen/memory.h): the balloon, and exchange for contiguous
 * ones. Xen takes a frame back only if nothing maps it, so the direct map's entry is cleared first,
 * and set last when a frame arrives. The P2M itself serves as the list of frames that Xen reads or
 * fills in.
 */
#include "pv/xen/hypercall.h"
#include "pv/xen/pv/mmu.h"
#include "pv/xen/xen.h"

static void set_direct_range(pfn_t first, u64 count, u64 prot)
{
    xen_pv_lazy_enter();
    for (; count; count--, first.n++)
        xen_pv_set_direct(first, prot);
    xen_pv_lazy_flush();
    xen_pv_lazy_leave();
}

/*
 * Unmap frames that Xen is about to take, and flush the TLBs of all vCPUs. Xen itself flushes only
 * before it gives the machine frames to another domain; until then a vCPU with a stale translation
 * would read and write the old machine frame by the address of the new one. The flush is done by
 * Xen and needs no answer of the other vCPUs, so the caller may hold a spinlock that they wait for.
 */
static void unmap_direct_range(pfn_t first, u64 count)
{
    set_direct_range(first, count, 0);
    if (xen_pv_mmuext(MMUEXT_TLB_FLUSH_ALL, 0, 0))
        pv_panic("xen-pv", "Xen refuses to flush all TLBs");
}

/* Return how many frames Xen took; the others are mapped again. */
static u64 balloon_out(pfn_t first, u64 count)
{
    u64 *const mfns = &xen_pv_p2m[first.n];
    u64 done;

    unmap_direct_range(first, count);
    done = xen_memory_reservation(XENMEM_decrease_reservation, mfns, count);
    set_direct_range(PFN(first.n + done), count - done, DIRECT_RW);
    for (u64 i = 0; i < done; i++)
        mfns[i] = INVALID_P2M_ENTRY;
    return done;
}

/*
 * Return how many frames Xen gave. populate_physmap reads pfns from the list, for the M2P, and
 * replaces each by the mfn of a new machine frame.
 */
static u64 balloon_in(pfn_t first, u64 count)
{
    u64 *const mfns = &xen_pv_p2m[first.n];
    u64 done;

    for (u64 i = 0; i < count; i++)
        mfns[i] = first.n + i;
    done = xen_memory_reservation(XENMEM_populate_physmap, mfns, count);
    for (u64 i = done; i < count; i++)
        mfns[i] = INVALID_P2M_ENTRY;
    set_direct_range(first, done, DIRECT_RW);
    return done;
}

s64 xen_pv_balloon_adjust(pfn_t first, u64 count, bool away)
{
    return (s64)(away ? balloon_out(first, count) : balloon_in(first, count));
}

/* XENMEM_exchange gives the old frames back and gets contiguous new ones, or changes nothing. */
int xen_pv_make_contiguous(pfn_t first, u32 order, u32 address_bits)
{
    const u64 count = 1ull << order;
    u64 *const mfns = &xen_pv_p2m[first.n];
    u64 new_mfn = first.n; /* in: the pfn, for the M2P; out: the first of the new frames */
    struct xen_memory_exchange e = {
        .in = {.nr_extents = count, .domid = DOMID_SELF},
        .out = {.nr_extents = 1,
                .extent_order = order,
                .mem_flags = XENMEMF_address_bits(address_bits),
                .domid = DOMID_SELF},
    };
    long error;

    unmap_direct_range(first, count);
    set_xen_guest_handle_raw(e.in.extent_start, mfns);
    set_xen_guest_handle_raw(e.out.extent_start, &new_mfn);
    error = xen_memory_op(XENMEM_exchange, &e);
    for (u64 i = 0; i < count && !error; i++)
        mfns[i] = new_mfn + i;
    set_direct_range(first, count, DIRECT_RW);
    return error ? -ENOMEM : 0;
}
