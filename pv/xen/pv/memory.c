/*
 * Class 3 on Xen PV: which machine frames are ours (xen/memory.h). A frame can go only when nothing
 * maps it any more, so the direct map lets go of it first and takes it back last.
 */
#include "pv/xen/hypercall.h"
#include "pv/xen/pv/mmu.h"

#define CHUNK 64

static void set_direct_run(pfn_t first, u64 count, u64 prot)
{
    pv_lazy_enter();
    for (u64 i = 0; i < count; i++)
        xen_pv_set_direct(PFN(first.n + i), prot);
    xen_pv_flush_at_drain();
    pv_lazy_leave();
    pv_lazy_flush();
}

/* Returns how many of the extents went or came, or a negative error. */
static long reserve(unsigned int cmd, xen_pfn_t *list, u64 count)
{
    struct xen_memory_reservation r = {.nr_extents = count, .domid = DOMID_SELF};

    set_xen_guest_handle_raw(r.extent_start, list);
    return xen_memory_op(cmd, &r);
}

static long give(pfn_t first, u64 count)
{
    xen_pfn_t list[CHUNK];
    long done;

    for (u64 i = 0; i < count; i++)
        list[i] = xen_pv_p2m[first.n + i];
    set_direct_run(first, count, 0);
    done = reserve(XENMEM_decrease_reservation, list, count);
    done = MAX(done, 0);
    for (long i = 0; i < done; i++)
        xen_pv_p2m[first.n + (u64)i] = ~0ull;
    set_direct_run(PFN(first.n + (u64)done), count - (u64)done, DIRECT_RW);
    return done;
}

/* Xen writes its own table (M2P) here; ours is our business. */
static long take(pfn_t first, u64 count)
{
    xen_pfn_t list[CHUNK];
    long done;

    for (u64 i = 0; i < count; i++)
        list[i] = first.n + i;
    done = reserve(XENMEM_populate_physmap, list, count);
    done = MAX(done, 0);
    for (long i = 0; i < done; i++)
        xen_pv_p2m[first.n + (u64)i] = list[i];
    set_direct_run(first, (u64)done, DIRECT_RW);
    return done;
}

s64 xen_pv_balloon_adjust(pfn_t first, u64 count, bool away)
{
    u64 done = 0;

    while (done < count) {
        const u64 n = MIN(count - done, CHUNK);
        const long changed = away ? give(PFN(first.n + done), n) : take(PFN(first.n + done), n);

        done += (u64)changed;
        if ((u64)changed < n)
            break;
    }
    return (s64)done;
}

/* XENMEM_exchange gives the old frames away and gets one run of new ones, or changes nothing. */
int xen_pv_make_contiguous(pfn_t first, u32 order, u32 address_bits)
{
    static xen_pfn_t old[512];
    const u64 count = 1ull << order;
    xen_pfn_t run = first.n;
    struct xen_memory_exchange e = {
        .in = {.nr_extents = count, .domid = DOMID_SELF},
        .out = {.nr_extents = 1,
                .extent_order = order,
                .mem_flags = XENMEMF_address_bits(address_bits),
                .domid = DOMID_SELF},
    };
    long error;

    for (u64 i = 0; i < count; i++)
        old[i] = xen_pv_p2m[first.n + i];
    set_direct_run(first, count, 0);
    set_xen_guest_handle_raw(e.in.extent_start, old);
    set_xen_guest_handle_raw(e.out.extent_start, &run);
    error = xen_memory_op(XENMEM_exchange, &e);
    for (u64 i = 0; i < count && !error && e.nr_exchanged == count; i++)
        xen_pv_p2m[first.n + i] = run + i;
    set_direct_run(first, count, DIRECT_RW);
    return error ? -ENOMEM : 0;
}
