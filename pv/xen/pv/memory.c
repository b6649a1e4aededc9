/*
 * Which machine frames a Xen PV guest owns (xen/memory.h). Xen takes a frame only when nothing maps
 * it any more, so the direct map unmaps it first and maps it again last. The P2M itself is
 * the list of frames that Xen reads or fills in.
 */
#include "pv/xen/hypercall.h"
#include "pv/xen/pv/mmu.h"
#include "pv/xen/xen.h"

static void set_direct_run(pfn_t first, u64 count, u64 prot)
{
    xen_pv_lazy_enter();
    for (; count; count--, first.n++)
        xen_pv_set_direct(first, prot);
    xen_pv_lazy_flush();
    xen_pv_lazy_leave();
}

/*
 * Unmap frames that Xen is about to take. Every vCPU may have their translations in its TLB, and
 * Xen flushes them only before it gives the machine frames to another domain: until then a vCPU
 * would read and write the old machine frame by the address of the new one. Xen flushes by itself,
 * so the caller may hold a spinlock for which another vCPU waits.
 */
static void unmap_direct_run(pfn_t first, u64 count)
{
    set_direct_run(first, count, 0);
    if (xen_pv_mmuext(MMUEXT_TLB_FLUSH_ALL, 0, 0))
        pv_panic("xen-pv", "Xen refuses to flush all TLBs");
}

static u64 give(pfn_t first, u64 count)
{
    u64 *const mfns = &xen_pv_p2m[first.n];
    u64 done;

    unmap_direct_run(first, count);
    done = xen_memory_reservation(XENMEM_decrease_reservation, mfns, count);
    set_direct_run(PFN(first.n + done), count - done, DIRECT_RW);
    for (u64 i = 0; i < done; i++)
        mfns[i] = INVALID_P2M_ENTRY;
    return done;
}

/* Xen takes our numbers, for its own table (M2P), and puts machine frames in their place. */
static u64 take(pfn_t first, u64 count)
{
    u64 *const mfns = &xen_pv_p2m[first.n];
    u64 done;

    for (u64 i = 0; i < count; i++)
        mfns[i] = first.n + i;
    done = xen_memory_reservation(XENMEM_populate_physmap, mfns, count);
    for (u64 i = done; i < count; i++)
        mfns[i] = INVALID_P2M_ENTRY;
    set_direct_run(first, done, DIRECT_RW);
    return done;
}

s64 xen_pv_balloon_adjust(pfn_t first, u64 count, bool away)
{
    return (s64)(away ? give(first, count) : take(first, count));
}

/* XENMEM_exchange gives the old frames away and gets one run of new ones, or changes nothing. */
int xen_pv_make_contiguous(pfn_t first, u32 order, u32 address_bits)
{
    const u64 count = 1ull << order;
    u64 *const mfns = &xen_pv_p2m[first.n], run = first.n;
    struct xen_memory_exchange e = {
        .in = {.nr_extents = count, .domid = DOMID_SELF},
        .out = {.nr_extents = 1,
                .extent_order = order,
                .mem_flags = XENMEMF_address_bits(address_bits),
                .domid = DOMID_SELF},
    };
    long error;

    unmap_direct_run(first, count);
    set_xen_guest_handle_raw(e.in.extent_start, mfns);
    set_xen_guest_handle_raw(e.out.extent_start, (u64 *)&run);
    error = xen_memory_op(XENMEM_exchange, &e);
    for (u64 i = 0; i < count && !error; i++)
        mfns[i] = run + i;
    set_direct_run(first, count, DIRECT_RW);
    return error ? -ENOMEM : 0;
}
