/* SPDX-License-Identifier: MIT */
/* The balloon of mm/balloon.h, on the op balloon_adjust: a list of the frames that were given. */
#include "mm/balloon.h"
#include "mm/frame.h"
#include "pv/pv.h"
#include "pv/spinlock.h"

static struct spinlock lock = SPINLOCK("balloon");
static u32 ballooned; /* list of frames (frame_push). Guarded by: lock */

s64 mm_balloon_give(u64 count)
{
    s64 done = 0, given = 1;

    spin_lock(&lock);
    while (given == 1 && (u64)done < count) {
        const pfn_t pfn = frame_alloc(0, 0, FRAME_KERNEL);

        if (pfn.n == PFN_INVALID.n)
            break;
        given = pv_balloon_adjust(pfn, 1, true);
        if (given == 1) {
            frame_get(pfn)->state = FRAME_BALLOON;
            frame_push(&ballooned, pfn);
            done++;
        } else {
            frame_free(pfn, 0);
        }
    }
    spin_unlock(&lock);
    return given < 0 && !done ? given : done;
}

s64 mm_balloon_take(u64 count)
{
    s64 done = 0;

    spin_lock(&lock);
    for (; (u64)done < count && ballooned; done++) {
        const pfn_t pfn = PFN(ballooned);

        if (pv_balloon_adjust(pfn, 1, false) != 1)
            break;
        frame_pop(&ballooned);
        frame_get(pfn)->state = FRAME_KERNEL;
        frame_free(pfn, 0);
    }
    spin_unlock(&lock);
    return done;
}
