/* SPDX-License-Identifier: MIT */
/*
 * Mappings and address spaces. The main test is a property test: after any sequence of map, unmap
 * and protect from a seeded generator, a plain model, the page-table walker and real accesses agree
 * about every page.
 */
#include "test/harness/mm_util.h"

enum {
    PAGES = 1200, /* in three tables of level 1 */
    STEPS = 120,
    RUN = 40, /* most pages of one step */
};

/* The model of a page: its frame, or 0, and its protection. */
static struct {
    u32 frame, prot;
} model[PAGES];

static struct {
    struct mm_space *s;
    u64 base, random;
    pfn_t first; /* 1024 frames, each filled with its number */
} run;

enum { FRAMES_ORDER = 10 };

static u32 random_below(u32 limit)
{
    return (u32)(random_next(&run.random) >> 33) % limit;
}

/*
 * Return whether all pages of a range are mapped, or none is: the precondition of unmap and
 * protect, and of map.
 */
static bool model_is(u32 page, u32 count, bool mapped)
{
    for (u32 i = 0; i < count; i++)
        if ((model[page + i].frame != 0) != mapped)
            return false;
    return true;
}

static void random_step(void)
{
    const u32 page = random_below(PAGES), count = 1 + random_below(MIN(RUN, PAGES - page));
    const u32 frame = 1 + random_below((1 << FRAMES_ORDER) - 1 - RUN);
    const u32 prot = random_below(2) ? MM_WRITE : 0, what = random_below(5);
    const u64 va = run.base + page * PAGE_SIZE;
    const bool fits = model_is(page, count, what >= 3);
    int error;

    if (what < 3)
        error = mm_map(run.s, va, PFN(run.first.n + frame), count, prot);
    else if (what == 3)
        error = mm_unmap(run.s, va, count);
    else
        error = mm_protect(run.s, va, count, prot);
    EXPECT_EQ(error, fits ? 0 : what < 3 ? -EEXIST : -ENOENT);
    for (u32 i = 0; fits && i < count; i++) {
        if (what != 4)
            model[page + i].frame = what == 3 ? 0 : frame + i;
        model[page + i].prot = prot;
    }
}

/* Compare with the hardware: a read returns the frame's number, and a write works or faults. */
static bool access_agrees(u32 page)
{
    const u64 va = run.base + page * PAGE_SIZE;
    struct fault f = {0};
    u64 value = 0;
    bool ok;

    pv_user_access_begin();
    ok = try_read(va, &value, &f);
    if (!model[page].frame)
        ok = !ok && f.vector == VECTOR_PF && f.address == va && !(f.error & 1);
    else
        ok = ok && value == model[page].frame &&
             try_write(va + 8, page, &f) == (model[page].prot & MM_WRITE);
    pv_user_access_end();
    return ok;
}

static bool walker_agrees(u32 page)
{
    struct mm_mapping m;

    if (!mm_query(run.s, run.base + page * PAGE_SIZE, &m))
        return !model[page].frame;
    return m.level == 1 && m.pfn.n == run.first.n + model[page].frame &&
           m.prot == rights_found(model[page].prot) &&
           !(m.value & PTE_USER) == !(run.s->flags & PTE_USER);
}

static void expect_agreement(bool by_access)
{
    u32 wrong = 0;

    for (u32 page = 0; page < PAGES; page++)
        wrong += !walker_agrees(page) || (by_access && !access_agrees(page));
    EXPECT_EQ(wrong, 0);
}

static bool run_begin(struct mm_space *s, u64 base, u64 seed)
{
    memset(model, 0, sizeof(model));
    run.s = s;
    run.base = base;
    run.random = seed;
    run.first = frame_alloc(FRAMES_ORDER, 0, FRAME_KERNEL);
    for (u64 i = 0; run.first.n != NO_PFN && i < 1 << FRAMES_ORDER; i++)
        *(u64 *)pfn_to_va(PFN(run.first.n + i)) = i;
    return run.first.n != NO_PFN;
}

static void run_end(void)
{
    for (u32 page = 0; page < PAGES; page++)
        if (model[page].frame)
            EXPECT_EQ(mm_unmap(run.s, run.base + page * PAGE_SIZE, 1), 0);
    frame_free(run.first, FRAMES_ORDER);
}

TEST(mm, kernel_mappings_agree_with_a_model)
{
    const u64 free = frames_free();

    for (u64 seed = 1; seed <= 4; seed++) {
        REQUIRE(run_begin(&mm_kernel, TEST_VA + 100 * PAGE_SIZE, seed));
        for (u32 i = 0; i < STEPS; i++) {
            random_step();
            if (i % 16 == 0)
                expect_agreement(i % 64 == 0);
        }
        expect_agreement(true);
        run_end();
        EXPECT_EQ(frames_free(), free);
    }
}

/*
 * The same with all steps of a round in one lazy section; a flush separates ranges of different
 * kinds.
 */
TEST(mm, lazy_mappings_agree_with_a_model)
{
    const u64 free = frames_free();

    REQUIRE(run_begin(&mm_kernel, TEST_VA, 77));
    for (u32 round = 0; round < 12; round++) {
        INTERRUPTS_OFF
        pv_lazy_enter();
        for (u32 i = 0; i < 8; i++) {
            INTERRUPTS_OFF
            pv_lazy_flush();
            random_step();
        }
        INTERRUPTS_OFF
        pv_lazy_leave();
        expect_agreement(true);
    }
    run_end();
    EXPECT_EQ(frames_free(), free);
}

/*
 * A user space before its tables are announced, afterwards, and after the test has pinned and
 * unpinned it.
 */
TEST(mm, user_mappings_agree_with_a_model, pin_root, unpin_root)
{
    const u64 free = frames_free();
    struct mm_space s;

    REQUIRE(mm_space_create(&s) == 0);
    REQUIRE(run_begin(&s, USER_VA + 300 * PAGE_SIZE, 4711));
    for (u32 i = 0; i < STEPS; i++)
        random_step();
    expect_agreement(false);
    REQUIRE(mm_space_activate(&s) == 0);
    expect_agreement(true);
    for (u32 i = 0; i < STEPS; i++)
        random_step();
    expect_agreement(true);
    REQUIRE(mm_space_activate(&mm_kernel) == 0);
    INTERRUPTS_OFF
    pv_unpin_root(s.root);
    s.live = false;
    for (u32 i = 0; i < STEPS; i++)
        random_step();
    REQUIRE(mm_space_activate(&s) == 0);
    expect_agreement(true);
    REQUIRE(mm_space_activate(&mm_kernel) == 0);
    run_end();
    EXPECT(has_no_tables(&s));
    EXPECT_EQ(mm_space_destroy(&s), 0);
    EXPECT_EQ(frames_free(), free);
}

TEST(mm, protection_keeps_accessed_and_dirty_of_every_page)
{
    const pfn_t pfn = frame_alloc(3, 0, FRAME_KERNEL);
    struct mm_mapping m;

    REQUIRE(pfn.n != NO_PFN);
    REQUIRE(mm_map(&mm_kernel, TEST_VA, pfn, 8, MM_WRITE) == 0);
    for (u64 i = 0; i < 8; i++)
        if (i % 2)
            *(volatile u64 *)(TEST_VA + i * PAGE_SIZE) = i;
    EXPECT_EQ(mm_protect(&mm_kernel, TEST_VA, 8, 0), 0);
    EXPECT_EQ(mm_protect(&mm_kernel, TEST_VA, 8, MM_WRITE), 0);
    for (u64 i = 0; i < 8; i++) {
        EXPECT(mm_query(&mm_kernel, TEST_VA + i * PAGE_SIZE, &m));
        EXPECT_EQ(!(m.value & PTE_DIRTY), i % 2 == 0);
    }
    EXPECT_EQ(mm_unmap(&mm_kernel, TEST_VA, 8), 0);
    frame_free(pfn, 3);
}

TEST(mm, large_pages_are_used_where_the_platform_has_them)
{
    const u64 free = frames_free();
    const pfn_t pfn = frame_alloc(9, 0, FRAME_KERNEL);
    struct mm_mapping m = {0};

    REQUIRE(pfn.n != NO_PFN);
    if (!(mm_traits.leaf_levels & 4)) {
        EXPECT_EQ(mm_map_large(&mm_kernel, TEST_VA, pfn, 2, 0), -EOPNOTSUPP);
        EXPECT_EQ(mm_map_large(&mm_kernel, TEST_VA, pfn, 3, 0), -EOPNOTSUPP);
    } else {
        *(volatile u64 *)pfn_to_va(PFN(pfn.n + 5)) = 0x555;
        EXPECT_EQ(mm_map_large(&mm_kernel, TEST_VA + PAGE_SIZE, pfn, 2, 0), -EINVAL);
        EXPECT_EQ(mm_map_large(&mm_kernel, TEST_VA, pfn, 1, 0), -EOPNOTSUPP);
        REQUIRE(mm_map_large(&mm_kernel, TEST_VA, pfn, 2, 0) == 0);
        EXPECT_EQ(*(volatile u64 *)(TEST_VA + 5 * PAGE_SIZE), 0x555);
        EXPECT(mm_query(&mm_kernel, TEST_VA + 5 * PAGE_SIZE, &m) && m.level == 2);
        EXPECT_EQ(m.pfn.n, pfn.n + 5);
        EXPECT_EQ(mm_map(&mm_kernel, TEST_VA, pfn, 1, 0), -EEXIST);
        EXPECT_EQ(mm_unmap(&mm_kernel, TEST_VA + PAGE_SIZE, 1), -EINVAL);
        EXPECT_EQ(mm_protect(&mm_kernel, TEST_VA, 512, MM_WRITE), -EINVAL);
        EXPECT_EQ(mm_unmap(&mm_kernel, TEST_VA, 512), 0);
        EXPECT(!mm_query(&mm_kernel, TEST_VA, &m));
    }
    frame_free(pfn, 9);
    EXPECT_EQ(frames_free(), free);
}

TEST(mm, bad_requests_are_refused_and_change_nothing)
{
    const u64 free = frames_free();
    const pfn_t pfn = marked_frame(1);
    struct mm_space s;
    struct mm_mapping m;

    REQUIRE(pfn.n != NO_PFN && mm_space_create(&s) == 0);
    EXPECT_EQ(mm_map(&s, USER_VA + 8, pfn, 1, 0), -EINVAL);          /* misaligned */
    EXPECT_EQ(mm_map(&s, 0, pfn, 1, 0), -EINVAL);                    /* NULL */
    EXPECT_EQ(mm_map(&s, USER_END, pfn, 1, 0), -EINVAL);             /* not canonical */
    EXPECT_EQ(mm_map(&s, USER_END - PAGE_SIZE, pfn, 2, 0), -EINVAL); /* beyond the end */
    EXPECT_EQ(mm_map(&s, DIRECT_MAP_BASE, pfn, 1, 0), -EINVAL);      /* the kernel's */
    EXPECT_EQ(mm_map(&mm_kernel, USER_VA, pfn, 1, 0), -EINVAL);      /* not the kernel's */
    EXPECT_EQ(mm_map(&s, USER_VA, pfn, 0, 0), -EINVAL);              /* empty */
    EXPECT_EQ(mm_map(&s, USER_VA, pfn, ~0ull, 0), -EINVAL);          /* too much */
    EXPECT_EQ(mm_map(&s, USER_VA, PFN(1ull << 40), 1, 0), -EINVAL);  /* not RAM */
    EXPECT_EQ(mm_map(&s, USER_VA, s.root, 1, 0), -EINVAL);           /* a page table */
    EXPECT_EQ(mm_map(&s, USER_VA, mm_kernel.root, 1, 0), -EINVAL);   /* the kernel's */
    EXPECT_EQ(mm_map_device(&s, USER_VA, 0x123, 1), -EINVAL);        /* misaligned */
    PANICS("frame_free")
    {
        frame_free(s.root, mm_traits.root_pages - 1); /* a page table in use */
    }
    EXPECT(glob_match("*in use*", caught_panic));
    EXPECT_EQ(mm_unmap(&s, USER_VA, 1), -ENOENT);
    EXPECT_EQ(mm_protect(&s, USER_VA, 1, 0), -ENOENT);
    EXPECT_EQ(mm_space_destroy(&mm_kernel), -EBUSY);
    EXPECT(!mm_query(&s, USER_VA, &m));
    EXPECT(has_no_tables(&s));
    frame_free(pfn, 0);
    EXPECT_EQ(mm_map(&s, USER_VA, pfn, 1, 0), -EINVAL); /* free memory */
    EXPECT_EQ(mm_space_destroy(&s), 0);
    EXPECT_EQ(frames_free(), free);
}

/*
 * Memory for page tables runs out in the middle: the pages that were mapped so far are unmapped
 * again.
 */
TEST(mm, map_without_memory_is_undone)
{
    const pfn_t run_of = frame_alloc(10, 0, FRAME_KERNEL);
    struct mm_mapping m;
    u64 free, held = 0;
    u32 first = 0;

    REQUIRE(run_of.n != NO_PFN);
    if (frames_free() > MIB(600) >> PAGE_SHIFT) {
        frame_free(run_of, 10);
        SKIP("allocating all of %llu MiB takes too long", (unsigned long long)(frames_free() >> 8));
    }
    for (;;) {
        const pfn_t pfn = frame_alloc(0, 0, FRAME_KERNEL);

        if (pfn.n == NO_PFN)
            break;
        frame_get(pfn)->next = first;
        first = (u32)pfn.n;
        held++;
    }
    EXPECT_EQ(frames_free(), 0);
    for (u32 i = 0; i < 3 && first; i++) { /* three of the four or five tables that are needed */
        const pfn_t pfn = PFN(first);

        first = frame_get(pfn)->next;
        frame_free(pfn, 0);
        held--;
    }
    free = frames_free();
    EXPECT_EQ(mm_map(&mm_kernel, TEST_VA + 256 * PAGE_SIZE, run_of, 1024, 0), -ENOMEM);
    EXPECT_EQ(frames_free(), free);
    EXPECT(!mm_query(&mm_kernel, TEST_VA + 256 * PAGE_SIZE, &m));
    while (first) {
        const pfn_t pfn = PFN(first);

        first = frame_get(pfn)->next;
        frame_free(pfn, 0);
    }
    frame_free(run_of, 10);
}

TEST(mm, pages_are_mapped_on_demand_and_by_copies)
{
    const u64 free = frames_free(), high = USER_VA + 16 * PAGE_SIZE;
    u8 text[64] = "over the border of two pages", back[64] = {0};
    struct mm_space s;
    struct fault f = {0};
    u64 before, value;

    REQUIRE(mm_space_create(&s) == 0);
    EXPECT_EQ(mm_reserve(&s, USER_VA, 16, MM_WRITE), 0);
    EXPECT_EQ(mm_reserve(&s, high, 1, 0), 0);
    EXPECT_EQ(mm_reserve(&s, USER_VA + PAGE_SIZE, 1, 0), -EEXIST);
    EXPECT_EQ(mm_reserve(&s, USER_END, 1, 0), -EINVAL);
    REQUIRE(mm_space_activate(&s) == 0);
    before = frames_free();
    EXPECT_EQ(copy_to_user(USER_VA + 2 * PAGE_SIZE - 10, text, sizeof(text)), 0);
    EXPECT(before - frames_free() >= 2 && before - frames_free() <= 5);
    EXPECT_EQ(copy_from_user(back, USER_VA + 2 * PAGE_SIZE - 10, sizeof(back)), 0);
    EXPECT(!memcmp(text, back, sizeof(text)));
    EXPECT(!copy_from_user(&value, high, 8) && value == 0);
    EXPECT_EQ(copy_to_user(high, text, 1), -EFAULT); /* read only */
    EXPECT_EQ(copy_from_user(back, high + PAGE_SIZE - 4, 8), -EFAULT);
    EXPECT_EQ(copy_from_user(back, (u64)text, 8), -EFAULT); /* kernel memory, not the user's */
    EXPECT_EQ(copy_to_user(USER_END - 4, text, 8), -EFAULT);
    EXPECT_EQ(copy_to_user(~0ull - 3, text, 8), -EFAULT);
    EXPECT(!try_read(USER_VA - PAGE_SIZE, &value, &f)); /* outside the regions */
    EXPECT_EQ(mm_space_destroy(&s), -EBUSY);
    REQUIRE(mm_space_activate(&mm_kernel) == 0);
    EXPECT_EQ(copy_from_user(back, USER_VA, 8), -EFAULT);
    EXPECT_EQ(mm_space_destroy(&s), 0);
    EXPECT_EQ(frames_free(), free); /* its frames were freed with it */
}

TEST(mm, many_spaces_are_created_and_destroyed)
{
    const u64 free = frames_free();
    static struct mm_space spaces[16];

    for (u32 i = 0; i < ARRAY_SIZE(spaces); i++) {
        REQUIRE(mm_space_create(&spaces[i]) == 0);
        REQUIRE(mm_populate(&spaces[i], USER_VA, 8 + i, MM_WRITE) == 0);
        REQUIRE(mm_space_activate(&spaces[i]) == 0);
        EXPECT_EQ(copy_to_user(USER_VA, &i, sizeof(i)), 0);
    }
    for (u32 i = 0; i < ARRAY_SIZE(spaces); i++) {
        u32 value = ~0u;

        REQUIRE(mm_space_activate(&spaces[i]) == 0);
        EXPECT(!copy_from_user(&value, USER_VA, sizeof(value)) && value == i);
    }
    REQUIRE(mm_space_activate(&mm_kernel) == 0);
    for (u32 i = 0; i < ARRAY_SIZE(spaces); i++)
        EXPECT_EQ(mm_space_destroy(&spaces[i]), 0);
    EXPECT_EQ(frames_free(), free);
}
