/* SPDX-License-Identifier: MIT */
/*
 * The balloon of mm/balloon.h, on the op balloon_adjust: a list of the frames that were given.
 *
 * Frames are given and taken in runs of contiguous frames, because a hypercall costs more than what
 * it does for a frame. A run is short enough for the spinlock, which the op requires.
 *
 * Frames that were absent at boot, up to the most that the host may ever let this machine have, are
 * not on the list but in ranges: their part of the table of frames is opened when they are taken.
 */
#include "mm/balloon.h"
#include "mm/frame.h"
#include "mm/mm.h"
#include "pv/pv.h"
#include "pv/spinlock.h"

enum {
    RUN_ORDER = 6, /* frames in a run, as an order of frame_alloc */
    RUN_FRAMES = 1 << RUN_ORDER,
};

static struct spinlock lock = SPINLOCK("balloon");
static u32 ballooned; /* list of frames (frame_push). Guarded by: lock */
static u64 given;     /* how many frames have no memory. Guarded by: lock */
/* Guarded by: lock. What is left of the absent ranges is [start, end); all others are skipped. */
static struct frame_range *ranges;
static u32 nr_ranges; /* Written: by mm_balloon_init */

void mm_balloon_init(struct frame_range *ram, u32 nr_ram)
{
    ranges = ram;
    nr_ranges = nr_ram;
    for (u32 i = 0; i < nr_ram; i++)
        if (ram[i].absent)
            given += ram[i].end - ram[i].start;
}

/* The frames are put on the list so that frame_pop returns them in ascending order. */
static void push_run(pfn_t first, u64 count)
{
    for (u64 i = count; i-- > 0;) {
        const pfn_t pfn = PFN(first.n + i);

        frame_get(pfn)->state = FRAME_BALLOON;
        frame_push(&ballooned, pfn);
    }
    WRITE_ONCE(given, given + count);
}

/* Give 2^order frames. Return how many were given, or the op's error; -ENOSPC: none is free. */
static s64 give_run(u32 order)
{
    const pfn_t first = frame_alloc(order, FRAME_SINGLE, FRAME_KERNEL);
    const u64 count = 1ull << order;
    s64 done;

    if (first.n == PFN_INVALID.n)
        return -ENOSPC;
    done = pv_balloon_adjust(first, count, true);
    push_run(first, (u64)MAX(done, 0));
    frames_free_range(PFN(first.n + (u64)MAX(done, 0)), count - (u64)MAX(done, 0));
    return done;
}

/*
 * Use smaller runs where memory is fragmented, and where the hypervisor does not take a whole run:
 * a single frame shows whether it takes any.
 */
s64 mm_balloon_give(u64 count)
{
    s64 done = 0, run = 0;
    u32 order = RUN_ORDER;

    spin_lock(&lock);
    while ((u64)done < count) {
        while (1ull << order > count - (u64)done)
            order--;
        run = give_run(order);
        if (run == 1ll << order)
            done += run;
        else if (order)
            done += MAX(run, 0), order = 0;
        else
            break;
    }
    spin_unlock(&lock);
    return run < 0 && run != -ENOSPC && !done ? run : done;
}

/* Remove up to most contiguous frames from the list. Return the first, or PFN_INVALID. */
static pfn_t pop_run(u64 most, u64 *count)
{
    pfn_t first = PFN_INVALID;

    for (*count = 0; *count < most && ballooned; ++*count) {
        if (*count && ballooned != first.n + *count)
            break;
        if (!*count)
            first = PFN(ballooned);
        frame_pop(&ballooned);
    }
    return first;
}

/* Take up to most frames back. Return how many the hypervisor has given memory. */
static u64 take_run(u64 most)
{
    u64 count;
    const pfn_t first = pop_run(most, &count);
    const s64 done = count ? pv_balloon_adjust(first, count, false) : 0;
    const u64 taken = (u64)MAX(done, 0);

    WRITE_ONCE(given, given - count);
    push_run(PFN(first.n + taken), count - taken);
    for (u64 i = 0; i < taken; i++)
        frame_get(PFN(first.n + i))->state = FRAME_KERNEL;
    frames_free_range(first, taken);
    return taken;
}

/* Return the first range with absent frames, or NULL. */
static struct frame_range *absent_range(void)
{
    for (u32 i = 0; i < nr_ranges; i++)
        if (ranges[i].absent && ranges[i].start < ranges[i].end)
            return &ranges[i];
    return NULL;
}

/* Take up to most absent frames, all of one section. Return how many have memory now. */
static u64 take_absent(u64 most)
{
    struct frame_range *r = absent_range();
    s64 done;
    u64 count;

    if (!r || !frame_open(PFN(r->start)))
        return 0;
    count = MIN(most, r->end - r->start);
    count = MIN(count, FRAME_SECTION - r->start % FRAME_SECTION);
    done = pv_balloon_adjust(PFN(r->start), count, false);
    if (done <= 0)
        return 0;
    frame_release_absent(PFN(r->start), (u64)done);
    WRITE_ONCE(given, given - (u64)done);
    r->start += (u64)done;
    return (u64)done;
}

s64 mm_balloon_take(u64 count)
{
    u64 done = 0, run = 1;

    spin_lock(&lock);
    while (done < count && run) {
        const u64 most = MIN(count - done, (u64)RUN_FRAMES);

        run = ballooned ? take_run(most) : take_absent(most);
        done += run;
    }
    spin_unlock(&lock);
    return (s64)done;
}

/* The op fails for no frames as it fails for one, if the platform has no balloon. */
bool mm_balloon_exists(void)
{
    s64 result;

    spin_lock(&lock);
    result = pv_balloon_adjust(PFN(0), 0, true);
    spin_unlock(&lock);
    return result >= 0;
}

u64 mm_balloon_pages(void)
{
    return mm_ram_frames - READ_ONCE(given);
}

u64 mm_balloon_most(void)
{
    return mm_ram_frames;
}
