/* SPDX-License-Identifier: MIT */
/*
 * XSA-277 (CVE-2018-19964): a lock that stays held when a page cannot be given back.
 *
 * @title     a lock stays held after a page that cannot be given back
 * @advisory  https://xenbits.xen.org/xsa/advisory-277.html
 * @affected  Xen 4.11.0; fixed in 4.11.1
 * @platforms xen-pvh
 * @needs     smp=2 pcpus=2 timeout=15
 * @xen       dom0_vcpus_pin
 * @expect    4.11.1+=good
 *
 * Background: a guest gives memory back by frame number. Xen refuses some frames: nothing is mapped
 * there, or the memory is not the guest's.
 *
 * Mechanism: one error path for such a frame did not release the lock of the guest's physical
 * address map (p2m). The next CPU that takes the lock spins indefinitely, or an assertion fails.
 *
 * The lock is recursive per physical CPU, so only a second CPU shows the fault. Each CPU has a vCPU
 * here: after each odd frame of the first vCPU, the second one gives back a proper frame.
 *
 * Verdicts: good: every kind of frame is refused, and after each the other vCPU gives back a proper
 * one. bad: that call of the other vCPU does not end, or the hypervisor crashes.
 *
 * Cannot tell: for kinds of frames that only a toolstack can make (shared, paged out).
 */
#include "repro/kit.h"

#define LIMIT_MS 3000
#define ROM      0xf0

static long give_back(u64 gfn)
{
    xen_pfn_t frame = gfn;
    struct xen_memory_reservation op = {.nr_extents = 1, .domid = DOMID_SELF};

    set_xen_guest_handle_raw(op.extent_start, &frame);
    return hc_memory_op(XENMEM_decrease_reservation, &op);
}

struct other {
    u64 gfn;
    long result;
};

static void give_back_proper(void *data)
{
    struct other *other = data;

    other->result = give_back(other->gfn);
}

REPRO("xsa-277")
{
    const u64 hole = GIB(64) >> PAGE_SHIFT, apic = 0xfee00, beyond = 1ull << 40;
    const u64 odd[] = {hole, apic, beyond, ~0ull, ROM};
    struct other other;
    long result, taken = 0;

    kit_needs(KIT_XEN_PVH);
    kit_cpus(2);
    for (u32 i = 0; i < ARRAY_SIZE(odd); i++) {
        result = KIT_NOT_MADE;
        STEP result = give_back(odd[i]);
        EVIDENCE(result != KIT_NOT_MADE);
        if (result == 1)
            taken++;
        other.gfn = kit_gfn(kit_frame());
        kit_cpu_start(1, give_back_proper, &other);
        if (!kit_cpu_wait(1, LIMIT_MS))
            bad("after frame 0x%llx the other vCPU's call did not end within %u ms",
                (unsigned long long)odd[i], LIMIT_MS);
        if (other.result != 1)
            cannot_tell("a proper frame was refused: %ld", other.result);
    }
    if (give_back(other.gfn) == 1)
        bad("a frame was given back twice");
    good("%zu odd frames, %ld of which were taken, and a proper one after each", ARRAY_SIZE(odd),
         taken);
}
