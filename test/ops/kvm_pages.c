/* SPDX-License-Identifier: MIT */
/*
 * Pages that the host has to fetch first (pv/kvm/async_pf.c): the thread that touches one waits,
 * and other threads of its CPU run in the meantime.
 */
#include "mm/frame.h"
#include "pv/kvm/kvm.h"
#include "test/harness/cpus.h"

enum { BLOCKS = 16, PAGES = 8 /* that are touched in each block */ };

static u64 rounds;           /* Atomic: of the other thread */
static bool rounds_are_over; /* Atomic: a flag */

static void count_rounds(void *arg)
{
    (void)arg;
    while (!READ_ONCE(rounds_are_over)) {
        WRITE_ONCE(rounds, rounds + 1);
        thread_yield();
    }
}

static struct {
    u32 waits;      /* of touches with interrupts enabled */
    u32 others_ran; /* waits in which the other thread ran */
    u32 wrong;      /* waits of touches with interrupts disabled */
} seen;

static void touch(volatile u8 *byte)
{
    const u64 waits = kvm_page_waits[pv_this_cpu()], before = READ_ONCE(rounds);

    *byte = 1;
    if (kvm_page_waits[pv_this_cpu()] == waits)
        return;
    seen.waits++;
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
    seen.waits = seen.others_ran = seen.wrong = 0;
    rounds_are_over = false;
    other = thread_start("other", 0, count_rounds, NULL);
    REQUIRE(other);
    run_on_cpu(0, touch_memory, NULL);
    WRITE_ONCE(rounds_are_over, true);
    thread_join(other);
    print("# %u pages were fetched, and another thread ran during %u fetches\n", seen.waits,
          seen.others_ran);
    EXPECT_EQ(seen.wrong, 0);
    if (!seen.waits)
        SKIP("the host has all of the memory at hand (--vmm slow=4)");
    EXPECT(seen.others_ran * 4 >= seen.waits * 3);
}
