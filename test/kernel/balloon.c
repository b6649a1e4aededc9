/* SPDX-License-Identifier: MIT */
/* The amount of memory follows the host's target, up and down, while threads allocate. */
#include "kernel/balloon.h"
#include "mm/balloon.h"
#include "mm/frame.h"
#include "test/harness/load.h"

/*
 * Return whether the balloon has come to a stop for this target. A toolstack sets a target of its
 * own when the driver of xenstore has connected, which may be now: ask again for this one.
 */
static bool is_settled(u64 pages, struct balloon_state *s)
{
    balloon_get_state(s);
    if (s->target == pages)
        return s->now == pages || s->error;
    EXPECT_EQ(balloon_set_target(pages), 0);
    return false;
}

/* Return the state of the balloon when the thread has come to a stop for this target. */
static struct balloon_state settle_at(u64 pages)
{
    struct balloon_state s;

    EXPECT_EQ(balloon_set_target(pages), 0);
    EXPECT(SLEEP_UNTIL(is_settled(pages, &s)));
    return s;
}

#define NEEDS_BALLOON \
    if (!mm_balloon_exists()) { \
        EXPECT_EQ(balloon_set_target(1), -ENODEV); \
        SKIP("no hypervisor, so no balloon"); \
    }

TEST(balloon, memory_follows_the_target_under_load, balloon_adjust)
{
    struct balloon_state first;
    bool working;

    NEEDS_BALLOON
    balloon_get_state(&first);
    REQUIRE(load_start(true));
    for (u64 round = 1; round <= 4; round++) {
        EXPECT_EQ(settle_at(first.now - round * 300).now, first.now - round * 300);
        EXPECT_EQ(settle_at(first.now - 77).now, first.now - 77);
    }
    EXPECT_EQ(settle_at(first.now).now, first.now);
    working = load_continues();
    EXPECT_EQ(load_stop(), 0);
    EXPECT(working);
}

TEST(balloon, frames_that_are_free_change_with_the_target, balloon_adjust)
{
    struct balloon_state first;
    u64 free;

    NEEDS_BALLOON
    balloon_get_state(&first);
    free = frames_free();
    EXPECT_EQ(settle_at(first.now - 1000).now, first.now - 1000);
    EXPECT_EQ(frames_free(), free - 1000);
    EXPECT_EQ(settle_at(first.now).now, first.now);
    EXPECT_EQ(frames_free(), free);
    EXPECT_EQ(balloon_set_target(first.most + 1), -EINVAL);
    EXPECT_EQ(settle_at(first.now).now, first.now);
}

/* Allocate large blocks until hardly more than the reserve is free. Return them as a list. */
static u32 allocate_all_but(u64 pages)
{
    u32 list = 0;

    while (frames_free() > pages + (2ull << FRAME_ORDER_MAX)) {
        const pfn_t pfn = frame_alloc(FRAME_ORDER_MAX, 0, FRAME_KERNEL);

        if (pfn.n == PFN_INVALID.n)
            break;
        frame_push(&list, pfn);
    }
    return list;
}

TEST(balloon, reserve_stays_free, balloon_adjust)
{
    struct balloon_state first, s;
    u32 list;

    NEEDS_BALLOON
    balloon_get_state(&first);
    list = allocate_all_but(balloon_reserve());
    s = settle_at(1);
    EXPECT_EQ(s.error, -ENOMEM);
    EXPECT(s.now > 1 && s.now < first.now);
    EXPECT(frames_free() >= balloon_reserve() - 64);
    EXPECT_EQ(settle_at(first.now).now, first.now);
    while (list)
        frame_free(frame_pop(&list), FRAME_ORDER_MAX);
}
