/* SPDX-License-Identifier: MIT */
/*
 * Memory of a PVH domU with maxmem above memory. Its memory map has maxmem, but Xen has set only
 * `memory` aside for it: "populate on demand" gives a frame memory when it is first touched, and
 * Xen ends a domain that has touched more than there is. So the guest first gives back the frames
 * above that amount, and counts them as absent: the balloon takes them when the host wants that.
 */
#include "lib/memory_map.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/pvh/xen_pvh.h"

enum {
    SUPERPAGE_ORDER = 9,
    /*
     * The toolstack's own frames, outside of the RAM of the map, which Xen counts too: 16 with Xen
     * 4.17. memory= is whole MiB, so what is above a whole MiB is not RAM either.
     */
    TOOLSTACK_FRAMES = 16,
    MIB_FRAMES = 256,
};

static bool give_back_extent(u64 frame, u32 order)
{
    struct xen_memory_reservation r = {.nr_extents = 1, .extent_order = order, .domid = DOMID_SELF};

    set_xen_guest_handle_raw(r.extent_start, &frame);
    return xen_memory_op(XENMEM_decrease_reservation, &r) == 1;
}

/* Give back the frames [first, end), from the end down, where Xen can as whole superpages. */
static void give_back(u64 first, u64 end)
{
    const u64 superpage = 1 << SUPERPAGE_ORDER;

    while (end > first) {
        if (end % superpage == 0 && end - first >= superpage &&
            give_back_extent(end - superpage, SUPERPAGE_ORDER)) {
            end -= superpage;
            continue;
        }
        give_back_extent(--end, 0);
    }
}

/* Return how many of the RAM's frames in the map Xen has not set aside for this domain. */
static u64 missing_frames(u64 ram)
{
    domid_t self = DOMID_SELF;
    const long result = xen_memory_op(XENMEM_current_reservation, &self);
    const u64 reserved = (u64)MAX(result, 0);
    const u64 outside = MAX(reserved % MIB_FRAMES, (u64)TOOLSTACK_FRAMES);

    return reserved > outside && reserved < ram ? ram - (reserved - outside) : 0;
}

void xen_pvh_give_back_missing(struct boot_info *info)
{
    u64 missing = missing_frames(boot_ram_frames(info)), first, end;

    while (missing && boot_top_ram(info, &first, &end)) {
        first = MAX(first, end - MIN(missing, end));
        give_back(first, end);
        boot_add_absent(info, first, end);
        missing -= end - first;
    }
}
