/* SPDX-License-Identifier: MIT */
/*
 * Ops that change the machine memory of frames: the balloon gives frames to the hypervisor and
 * takes them back, and make_contiguous exchanges frames for contiguous ones.
 */
#include "kernel/time.h"
#include "test/harness/mm_util.h"

static s64 adjust_balloon(pfn_t first, u64 count, bool give)
{
    s64 adjusted = 0;

    INTERRUPTS_OFF
    adjusted = pv_balloon_adjust(first, count, give);
    return adjusted;
}

/* Take count frames back from the hypervisor, which may have memory for some of them only later. */
static u64 take_back(pfn_t first, u64 count)
{
    struct time_limit limit = time_limit(NS_PER_S);
    u64 taken = 0;

    while (taken < count && !time_limit_reached(&limit)) {
        const s64 more = adjust_balloon(PFN(first.n + taken), count - taken, false);

        if (!EXPECT(more >= 0 && (u64)more <= count - taken))
            break;
        taken += (u64)more;
    }
    return taken;
}

TEST(mmu, balloon_gives_and_takes, balloon_adjust)
{
    const pfn_t first = frame_alloc(5, 0, FRAME_KERNEL);
    volatile u64 *const kept = pfn_to_va(PFN(first.n + 16));
    s64 given;

    REQUIRE(first.n != NO_PFN);
    *kept = 0x1616;
    given = adjust_balloon(first, 16, true);
    if (given == -ENODEV) {
        frame_free(first, 5);
        EXPECT_EQ(adjust_balloon(first, 1, false), -ENODEV);
        SKIP("no hypervisor, so no balloon");
    }
    EXPECT_EQ(*kept, 0x1616);
    if (on_xen_pv()) {
        EXPECT_EQ(pv_pfn_to_mfn(first).n, MFN_INVALID.n);
        EXPECT_EQ(pv_make_pte(pte_value(first, PTE_PRESENT)).raw, 0);
    }
    REQUIRE(given == 16 && take_back(first, 16) == 16); /* after a failure no frame may be used */
    for (u64 i = 0; i < 16; i++) {
        volatile u64 *word = pfn_to_va(PFN(first.n + i));

        *word = i;
        EXPECT_EQ(*word, i);
        EXPECT_EQ(pv_mfn_to_pfn(pv_pfn_to_mfn(PFN(first.n + i))).n, first.n + i);
    }
    EXPECT_EQ(*kept, 0x1616);
    frame_free(first, 5);
}

TEST(mmu, contiguous_frames_are_contiguous_in_the_machine, make_contiguous)
{
    const u64 free = frames_free();
    const pfn_t first = frame_alloc_contiguous(4, 32);
    u64 mfn;

    REQUIRE(first.n != NO_PFN);
    mfn = pv_pfn_to_mfn(first).n;
    for (u64 i = 0; i < 16; i++) {
        volatile u64 *word = pfn_to_va(PFN(first.n + i));

        EXPECT_EQ(pv_pfn_to_mfn(PFN(first.n + i)).n, mfn + i);
        EXPECT_EQ(pv_mfn_to_pfn(MFN(mfn + i)).n, first.n + i);
        *word = i;
        EXPECT_EQ(*word, i);
    }
    EXPECT(mfn + 16 <= GIB(4) >> PAGE_SHIFT);
    frame_free(first, 4);
    EXPECT_EQ(frames_free(), free);
}

/*
 * On bare metal the op moves nothing: it reports whether the range, including its last byte, is
 * below the limit.
 */
TEST(mmu, frames_above_the_limit_are_reported, make_contiguous)
{
    const u64 limit = GIB(4) >> PAGE_SHIFT;

    if (on_xen_pv())
        SKIP("Xen exchanges only frames of RAM");
    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_make_contiguous(PFN(limit - 8), 3, 32), 0);
        EXPECT_EQ(pv_make_contiguous(PFN(limit - 7), 3, 32), -EINVAL);
        EXPECT_EQ(pv_make_contiguous(PFN(limit - 8), 4, 32), -EINVAL);
        EXPECT_EQ(pv_make_contiguous(PFN(limit - 8), 3, 31), -EINVAL);
        EXPECT_EQ(pv_make_contiguous(PFN(limit), 3, 33), 0);
    }
}

/* Xen exchanges frames for contiguous ones. The balloon shuffles them first. */
TEST(mmu, frames_are_exchanged_for_contiguous_ones, make_contiguous, balloon_adjust)
{
    const pfn_t first = frame_alloc(2, 0, FRAME_KERNEL), second = PFN(first.n + 1);
    const u64 beyond = pv_pfn_to_mfn(PFN(first.n + 2)).n;
    u64 mfn;

    REQUIRE(first.n != NO_PFN);
    if (!on_xen_pv()) {
        frame_free(first, 2);
        SKIP("without Xen PV a pfn is the machine's frame number, and cannot be changed");
    }
    REQUIRE(adjust_balloon(first, 2, true) == 2);
    REQUIRE(take_back(first, 1) == 1 && take_back(second, 1) == 1);
    print("# frames %llx and %llx\n", (unsigned long long)pv_pfn_to_mfn(first).n,
          (unsigned long long)pv_pfn_to_mfn(second).n);
    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_make_contiguous(first, 1, 32), 0);
        mfn = pv_pfn_to_mfn(first).n;
        EXPECT_EQ(pv_pfn_to_mfn(second).n, mfn + 1);
        EXPECT_EQ(pv_pfn_to_mfn(PFN(first.n + 2)).n, beyond);
        /* Xen has no free memory below 8 KiB. */
        EXPECT_EQ(pv_make_contiguous(first, 1, 13), -ENOMEM);
    }
    EXPECT_EQ(pv_pfn_to_mfn(first).n, mfn);
    EXPECT_EQ(pv_pfn_to_mfn(PFN(first.n + 2)).n, beyond);
    frame_free(first, 2);
}
