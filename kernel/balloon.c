/* SPDX-License-Identifier: MIT */
/*
 * The balloon's policy; mm/balloon.c gives and takes frames.
 *
 * The thread "balloon" moves the number of pages that have memory towards the target, STEP_PAGES at
 * a time, so that other threads can allocate in between. It stops short of the target
 *
 *   -ENOMEM   giving, when fewer frames would be free than balloon_reserve. It gives again only
 * when half as many again are free (hysteresis), so that frames do not move to and fro while the
 * threads that use memory allocate and free it. -EBUSY    giving or taking, when the hypervisor
 * does less than it was asked: another domain may have the memory.
 *
 * and tries again once a second (kernel/standing.h). Frames in use are never taken from their
 * users.
 */
#include "kernel/balloon.h"
#include "kernel/console.h"
#include "kernel/lifecycle.h"
#include "kernel/standing.h"
#include "mm/balloon.h"
#include "mm/frame.h"

#define STEP_PAGES 512ull
/* The reserve is this part of RAM, and at least LEAST_RESERVE pages. */
#define RESERVE_PART  32
#define LEAST_RESERVE 256ull

static u64 target;   /* Atomic: one word, in pages; 0: none was set */
static int error;    /* Atomic: one word; the thread sets it, a new target clears it */
static int reported; /* Written: by the thread; the error that was reported for this target */

u64 balloon_reserve(void)
{
    return MAX(mm_balloon_most() / RESERVE_PART, LEAST_RESERVE);
}

void balloon_get_state(struct balloon_state *state)
{
    *state = (struct balloon_state){
        .target = __atomic_load_n(&target, __ATOMIC_SEQ_CST),
        .now = mm_balloon_pages(),
        .most = mm_balloon_most(),
        .error = READ_ONCE(error),
    };
    if (!state->target)
        state->target = state->now;
}

/* Give up to count pages, but leave free as many as reserve. Return 0 if all were given. */
static int give_pages(u64 count, u64 reserve)
{
    const u64 free = frames_free();
    const u64 possible = MIN(count, free - MIN(free, reserve));
    const s64 given = possible ? mm_balloon_give(possible) : 0;

    if (given == (s64)count)
        return 0;
    return possible < count ? -ENOMEM : -EBUSY;
}

static int take_pages(u64 count)
{
    return mm_balloon_take(count) == (s64)count ? 0 : -EBUSY;
}

/* Make one step. Return 0 for a whole step. */
static int approach(u64 wanted)
{
    const u64 now = mm_balloon_pages(), reserve = balloon_reserve();
    const bool stopped = READ_ONCE(error) == -ENOMEM;

    if (now > wanted)
        return give_pages(MIN(now - wanted, STEP_PAGES), stopped ? reserve + reserve / 2 : reserve);
    return take_pages(MIN(wanted - now, STEP_PAGES));
}

static void report(u64 wanted, int why)
{
    if (why == reported)
        return;
    reported = why;
    if (why)
        log_warn("balloon: %llu of %llu pages wanted: %s; trying again every second",
                 (unsigned long long)mm_balloon_pages(), (unsigned long long)wanted,
                 why == -ENOMEM ? "too few are free" : "the hypervisor does not do more");
    else
        log_info("balloon: %llu pages, as wanted", (unsigned long long)wanted);
}

static bool apply_target(void)
{
    u64 wanted;
    int why = 0;

    while (!why && mm_balloon_pages() != (wanted = __atomic_load_n(&target, __ATOMIC_SEQ_CST)))
        WRITE_ONCE(error, why = approach(wanted));
    report(wanted, why);
    return !why;
}

/* Guarded by: its queue's lock. */
static struct standing_request request = STANDING_REQUEST("balloon", apply_target);

int balloon_set_target(u64 pages)
{
    const u64 most = mm_balloon_most();
    int why;

    if (!mm_balloon_exists())
        return -ENODEV;
    __atomic_store_n(&target, MAX(MIN(pages, most), 1ull), __ATOMIC_SEQ_CST);
    WRITE_ONCE(error, 0);
    why = standing_request_changed(&request);
    return why || pages <= most ? why : -EINVAL;
}

void lifecycle_memory_target(u64 bytes)
{
    const int why = balloon_set_target(bytes >> PAGE_SHIFT);

    if (why == -EINVAL)
        log_warn("balloon: %llu KiB wanted, more than this machine can have: %llu KiB",
                 (unsigned long long)(bytes >> 10), (unsigned long long)mm_balloon_most() << 2);
    else if (why)
        log_warn("balloon: %llu KiB wanted: error %d", (unsigned long long)(bytes >> 10), why);
}
