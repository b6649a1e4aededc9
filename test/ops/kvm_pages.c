/* SPDX-License-Identifier: MIT */
/*
 * Pages that the host has to fetch first (pv/kvm/async_pf.c): the thread that touches one waits,
 * and other threads of its CPU run in the meantime.
 */
#include "mm/frame.h"
#include "pv/kvm/kvm.h"
#include "test/harness/cpus.h"
#include "test/harness/lines.h"

enum { BLOCKS = 16, PAGES = 8 /* that are touched in each block */ };

static u64 rounds;           /* Atomic: of the other thread */
static bool rounds_are_over; /* Atomic: a flag */

/* A round takes longer than a yield that finds no other thread. */
static void count_rounds(void *arg)
{
    (void)arg;
    while (!READ_ONCE(rounds_are_over)) {
        spin(100 * NS_PER_US);
        WRITE_ONCE(rounds, rounds + 1);
        thread_yield();
    }
}

static struct {
    u32 waits;      /* of touches with interrupts enabled */
    u32 others_ran; /* waits in which the other thread ran */
    u32 halts;      /* in waits of this thread alone */
    u32 wrong;      /* waits of touches with interrupts disabled */
} seen;

static void touch(volatile u8 *byte)
{
    const u64 waits = kvm_page_waits[pv_this_cpu()], before = READ_ONCE(rounds);
    const u64 halts = kvm_page_halts[pv_this_cpu()];

    *byte = 1;
    if (kvm_page_waits[pv_this_cpu()] == waits)
        return;
    seen.waits++;
    if (kvm_page_waits[pv_this_cpu()] == waits + 1)
        seen.halts += (u32)(kvm_page_halts[pv_this_cpu()] - halts);
    seen.others_ran += READ_ONCE(rounds) != before;
}

static void touch_with_interrupts_disabled(volatile u8 *byte)
{
    INTERRUPTS_OFF
    {
        const u64 waits = kvm_page_waits[pv_this_cpu()];

        *byte = 1;
        seen.wrong += kvm_page_waits[pv_this_cpu()] != waits;
    }
}

static void touch_blocks(const pfn_t *blocks, u32 count)
{
    for (u32 i = 0; i < count; i++)
        for (u32 page = 0; page < 2 * PAGES; page += 2) {
            u8 *const va = (u8 *)pfn_to_va(blocks[i]) + page * PAGE_SIZE;

            touch(va);
            touch_with_interrupts_disabled(va + PAGE_SIZE);
        }
}

/* Touch pages that no part of this kernel has touched yet, as far as the allocator has some. */
static void touch_memory(void *arg)
{
    pfn_t blocks[BLOCKS];
    u32 count;

    (void)arg;
    while (READ_ONCE(rounds) < 3) /* the other thread has touched what it needs */
        thread_yield();
    for (count = 0; count < BLOCKS; count++) {
        blocks[count] = frame_alloc(FRAME_ORDER_MAX, 0, FRAME_KERNEL);
        if (blocks[count].n == PFN_INVALID.n)
            break;
    }
    touch_blocks(blocks, count);
    while (count)
        frame_free(blocks[--count], FRAME_ORDER_MAX);
}

/* The other thread may wait for a page, too, so it does not run during each fetch. */
TEST(kvm, page_that_the_host_fetches_stops_one_thread_only)
{
    struct thread *other;

    if (!on_kvm())
        SKIP("not on KVM");
    if (!kvm_writes(0, KVM_FEATURE_ASYNC_PF_INT))
        SKIP("KVM does not offer asynchronous page faults by interrupt");
    seen.waits = seen.others_ran = seen.wrong = seen.halts = 0;
    rounds = 0;
    rounds_are_over = false;
    other = thread_start("other", 0, count_rounds, NULL);
    REQUIRE(other);
    run_on_cpu(0, touch_memory, NULL);
    WRITE_ONCE(rounds_are_over, true);
    thread_join(other);
    print("# %u pages were fetched, and another thread ran during %u fetches\n", seen.waits,
          seen.others_ran);
    EXPECT_EQ(seen.wrong, 0);
    EXPECT_EQ(seen.halts, 0);
    if (!seen.waits)
        SKIP("the host has all of the memory at hand (--vmm slow=4)");
    EXPECT(seen.others_ran * 4 >= seen.waits * 3);
}

/* ---- Two pages at a time -------------------------------------------------------------------- */

enum { PAIRS = 3, FIRST_OF_PAIR = 2 * PAGES /* the pages before are another test's */ };

static struct toucher {
    volatile u8 *byte;
    bool done; /* Atomic: a flag */
} touchers[2];

static u32 pairs; /* of threads that have waited at the same time */

static void touch_byte(void *arg)
{
    struct toucher *const t = arg;

    *t->byte = 1;
    WRITE_ONCE(t->done, true);
}

static bool both_are_done(void)
{
    return READ_ONCE(touchers[0].done) && READ_ONCE(touchers[1].done);
}

/* While both wait, keep interrupts disabled until the host has both pages. */
static void wait_for_both(u64 waits)
{
    struct time_limit limit = time_limit(20 * NS_PER_S);

    while (!both_are_done() && READ_ONCE(kvm_page_waits[0]) < waits + 2)
        thread_yield();
    pairs += !both_are_done();
    INTERRUPTS_OFF
    spin(50 * NS_PER_MS);
    while (!both_are_done() && !time_limit_reached(&limit))
        thread_yield();
}

static void touch_pair(volatile u8 *pages)
{
    const u64 waits = kvm_page_waits[0];
    struct thread *threads[2];

    for (u32 i = 0; i < 2; i++) {
        touchers[i] = (struct toucher){.byte = pages + i * PAGE_SIZE};
        threads[i] = thread_start("toucher", 0, touch_byte, &touchers[i]);
        REQUIRE(threads[i]);
    }
    wait_for_both(waits);
    REQUIRE(both_are_done());
    thread_join(threads[0]);
    thread_join(threads[1]);
}

static void touch_pair_of_block(void *arg)
{
    const pfn_t block = *(pfn_t *)arg;

    touch_pair((u8 *)pfn_to_va(block) + FIRST_OF_PAIR * PAGE_SIZE);
}

/* The host reports a page when the report of the one before is acknowledged. */
TEST(kvm, two_pages_that_are_there_at_once_are_both_reported)
{
    pfn_t blocks[BLOCKS];
    u32 count = 0;

    if (!on_kvm())
        SKIP("not on KVM");
    if (!kvm_writes(0, KVM_FEATURE_ASYNC_PF_INT))
        SKIP("KVM does not offer asynchronous page faults by interrupt");
    pairs = 0;
    while (count < BLOCKS && pairs < PAIRS) {
        blocks[count] = frame_alloc(FRAME_ORDER_MAX, 0, FRAME_KERNEL);
        if (blocks[count].n == PFN_INVALID.n)
            break;
        run_on_cpu(0, touch_pair_of_block, &blocks[count++]);
    }
    while (count)
        frame_free(blocks[--count], FRAME_ORDER_MAX);
    print("# %u times two threads waited for a page each\n", pairs);
    if (!pairs)
        SKIP("the host has all of the memory at hand (--vmm slow=4)");
}
