/* SPDX-License-Identifier: MIT */
/* mm/frame.c, pagetable.c, space.c, heap.c and vmap.c on the fake machine of fake_mmu.h. */
#include "harness.h"
#include "mm_steps.h"

#define PANICS(text) (fake_panic_armed = true, setjmp(fake_panic_return) ? said(text) : false)

static bool said(const char *text)
{
    return strstr(fake_panic_text, text) != NULL;
}

static void test_frames_random(void)
{
    static struct {
        pfn_t pfn;
        u32 order;
    } held[256];
    static u8 owner[FAKE_FRAMES];
    u64 free;

    fake_reset();
    free = frames_free();
    memset(held, 0xff, sizeof(held));
    memset(owner, 0, sizeof(owner));
    for (u32 n = 0; n < 60000; n++) {
        const u32 i = random_u64() % 256;
        u32 clash = 0;

        if (held[i].pfn.n != PFN_INVALID.n) {
            for (u64 j = 0; j < 1ull << held[i].order; j++)
                owner[held[i].pfn.n + j] = 0;
            frame_free(held[i].pfn, held[i].order);
            held[i].pfn = PFN_INVALID;
            continue;
        }
        held[i].order = random_u64() % 6;
        held[i].pfn = frame_alloc(held[i].order, n % 2 ? FRAME_LOW : 0, FRAME_KERNEL);
        if (held[i].pfn.n == PFN_INVALID.n)
            continue;
        for (u64 j = 0; j < 1ull << held[i].order; j++)
            clash += owner[held[i].pfn.n + j]++;
        CHECK_EQ(clash, 0);
        CHECK_EQ(held[i].pfn.n % (1ull << held[i].order), 0);
        CHECK(held[i].pfn.n >= 16 && held[i].pfn.n < FAKE_FRAMES);
    }
    for (u32 i = 0; i < 256; i++)
        if (held[i].pfn.n != PFN_INVALID.n)
            frame_free(held[i].pfn, held[i].order);
    CHECK_EQ(frames_free(), free);
    CHECK_EQ(frames_largest_order(), FRAME_ORDER_MAX);
}

/* frame_get only looks; what is about to be mapped opens its section, and is in it from then on. */
static void test_query_opens_no_section(void)
{
    static struct frame table[FRAME_SECTION];
    static const struct frame_range all = {.start = 16, .end = FAKE_FRAMES},
                                    unused = {.start = 32, .end = FAKE_FRAMES};

    fake_reset();
    frame_tables_clear();
    frame_tables_add(0, 1, table);
    frame_init(FAKE_FRAMES, &all, 1, &unused, 1);
    CHECK(!frame_get(PFN(20)));
    CHECK(!frame_get(PFN(40)));
    CHECK(frames_open_mappable(PFN(20), 12));
    CHECK(frame_get(PFN(20)) && frame_get(PFN(20))->state == FRAME_BOOT);
    CHECK(frame_get(PFN(40)) && frame_get(PFN(40))->state == FRAME_FREE);
    CHECK(!frames_open_mappable(PFN(20), 13)); /* the last one is free */
    CHECK(!frames_open_mappable(PFN(20), ~0ull));
    CHECK(frame_open(PFN(40)) == frame_get(PFN(40)));
    CHECK(!frame_open(PFN(FAKE_FRAMES)));
}

static void test_frames_run_out(void)
{
    u64 n = 0, free;

    fake_reset();
    free = frames_free();
    while (frame_alloc(0, 0, FRAME_KERNEL).n != PFN_INVALID.n)
        n++;
    CHECK_EQ(n, free);
    CHECK_EQ(frames_free(), 0);
    CHECK(!kmalloc(16));
    CHECK(!vmalloc(1));
}

/*
 * Memory that was allocated frame by frame merges into the largest blocks again when it is freed.
 */
static void test_frames_merge(void)
{
    static pfn_t held[FAKE_FRAMES];
    u64 n = 0;

    fake_reset();
    while (frames_free())
        held[n++] = frame_alloc(0, 0, FRAME_KERNEL);
    CHECK_EQ(frames_largest_order(), -1);
    while (n)
        frame_free(held[--n], 0);
    CHECK_EQ(frames_largest_order(), FRAME_ORDER_MAX);
}

/*
 * An allocated frame starts with a count of 0 entries, whatever its last owner left in its struct
 * frame.
 */
static void test_frame_forgets_its_last_owner(void)
{
    pfn_t pfn;

    fake_reset();
    pfn = frame_alloc(0, 0, FRAME_KERNEL);
    frame_get(pfn)->used = 7;
    frame_free(pfn, 0);
    for (u64 n = frames_free(); n; n--)
        CHECK_EQ(frame_get(frame_alloc(0, 0, FRAME_TABLE))->used, 0);
}

/* A range is freed up to the frame that is not a block of order 0, which the panic names. */
static void test_a_range_is_freed(void)
{
    u64 before;
    pfn_t pfn;

    fake_reset();
    before = frames_free();
    pfn = frame_alloc(6, FRAME_SINGLE, FRAME_KERNEL);
    frames_free_range(pfn, 0);
    CHECK_EQ(frames_free(), before - 64);
    frame_free(PFN(pfn.n + 5), 0);
    if (!PANICS("frame_free: frame"))
        frames_free_range(pfn, 64);
    CHECK(said("free already"));
    CHECK_EQ(frames_free(), before - 58);
    frames_free_range(PFN(pfn.n + 6), 58);
    CHECK_EQ(frames_free(), before);
    CHECK_EQ(frames_largest_order(), FRAME_ORDER_MAX);
}

static void test_bad_frees(void)
{
    pfn_t pfn;
    void *p, *q;

    fake_reset();
    pfn = frame_alloc(2, 0, FRAME_KERNEL);
    if (!PANICS("frame_free: frame"))
        frame_free(pfn, 1);
    CHECK(said("not an allocated block of order 1"));
    if (!PANICS("frame_free"))
        frame_free(PFN(3), 0);
    CHECK(said("not RAM"));
    frame_free(pfn, 2);
    if (!PANICS("frame_free"))
        frame_free(pfn, 2);
    CHECK(said("free already"));
    pfn = frame_alloc(0, 0, FRAME_TABLE);
    frame_get(pfn)->used = 3;
    if (!PANICS("frame_free"))
        frame_free(pfn, 0);
    CHECK(said("a table in use"));
    frame_get(pfn)->used = 0;
    frame_free(pfn, 0);
    p = kmalloc(100);
    q = kmalloc(100);
    CHECK(p && q);
    kfree(p);
    if (!PANICS("kfree"))
        kfree(p);
    CHECK(said("freed already"));
    if (!PANICS("kfree"))
        kfree((char *)q + 1);
    CHECK(said("is not an object"));
    kfree(q);
    p = kmalloc(2 * PAGE_SIZE);
    if (!PANICS("kfree"))
        kfree((char *)p + 16);
    CHECK(said("is not from the heap"));
    kfree(p);
}

static void test_heap_random(void)
{
    static struct {
        u8 *p;
        u32 size;
    } held[200];
    u64 free;

    fake_reset();
    free = frames_free();
    for (u32 n = 0; n < 40000; n++) {
        const u32 i = random_u64() % 200;
        u32 wrong = 0;

        if (held[i].p) {
            for (u32 b = 0; b < held[i].size; b++)
                wrong += held[i].p[b] != (u8)i;
            CHECK_EQ(wrong, 0);
            kfree(held[i].p);
            held[i].p = NULL;
            continue;
        }
        held[i].size = 1 + random_u64() % (n % 16 ? 300 : 9000);
        held[i].p = kmalloc(held[i].size);
        CHECK(held[i].p);
        if (held[i].p)
            memset(held[i].p, (int)i, held[i].size);
    }
    for (u32 i = 0; i < 200; i++)
        kfree(held[i].p);
    CHECK_EQ(frames_free(), free);
    CHECK_EQ(heap_objects(), 0);
}

static void test_mappings_random(void)
{
    for (u32 life = 0; life < 40; life++) {
        steps_begin();
        for (u32 n = 0; n < 150; n++) {
            const u64 r = random_u64();

            step((u8)r, (u16)(r >> 8), (u8)(r >> 32));
            if (n % 10 == 0 && !step_lazy)
                CHECK(steps_agree());
        }
        CHECK(steps_end());
    }
}

/* An error of mm_map changes nothing, for every number of remaining frames. */
static void test_map_without_memory(void)
{
    for (u64 left = 0; left < 6; left++) {
        u64 before;
        int error;

        steps_begin();
        if (left % 2)
            CHECK_EQ(mm_space_activate(&step_space), 0);
        while (frames_free() > left)
            CHECK(frame_alloc(0, 0, FRAME_KERNEL).n != PFN_INVALID.n);
        before = frames_free();
        error = mm_map(&step_space, STEP_VA - 30 * PAGE_SIZE, step_frames, 60, 0);
        CHECK(error == -ENOMEM || (!error && left >= 4));
        CHECK(error ? frames_free() == before : true);
        fake_check();
        for (u32 i = 0; error && i < 60; i++)
            CHECK_EQ(fake_walk(step_space.root, STEP_VA + (i - 30ull) * PAGE_SIZE), 0);
        CHECK_EQ(mm_space_activate(&mm_kernel), 0);
    }
}

/*
 * Memory runs out while new frames are mapped: either a block of 64 frames exists and no frame is
 * left for the tables, or the frames run out after some were mapped.
 */
static void test_map_new_without_memory(void)
{
    for (u64 left = 0; left < 80; left++) {
        pfn_t held[80], block;

        steps_begin();
        block = frame_alloc(6, 0, FRAME_KERNEL);
        for (u64 i = 0; i < left; i++)
            held[i] = frame_alloc(0, 0, FRAME_KERNEL);
        while (frames_free())
            CHECK(frame_alloc(0, 0, FRAME_KERNEL).n != PFN_INVALID.n);
        if (left % 2)
            frame_free(block, 6);
        for (u64 i = 0; i < left / 2; i++)
            frame_free(held[i], 0);
        const u64 before = frames_free();

        CHECK_EQ(mm_map_new(&step_space, STEP_VA, 512, 0, 0, FRAME_USER), -ENOMEM);
        CHECK_EQ(frames_free(), before);
        fake_check();
        for (u32 i = 0; i < 512; i++)
            CHECK_EQ(fake_walk(step_space.root, STEP_VA + i * PAGE_SIZE), 0);
    }
}

/* A range must end in its space, also if its start and its length alone would be valid. */
static void test_ranges_end_in_their_space(void)
{
    steps_begin();
    for (u64 pages = 1; pages <= 4; pages++) {
        const u64 va = step_space.high - pages * PAGE_SIZE;

        CHECK_EQ(mm_map(&step_space, va, step_frames, pages + 1, 0), -EINVAL);
        CHECK_EQ(mm_map_new(&step_space, va, pages + 1, 0, 0, FRAME_USER), -EINVAL);
        CHECK_EQ(mm_map(&step_space, va, step_frames, ~0ull >> PAGE_SHIFT, 0), -EINVAL);
        CHECK_EQ(mm_map(&step_space, va, step_frames, pages, 0), 0);
        CHECK_EQ(mm_protect(&step_space, va, pages + 1, 0), -EINVAL);
        CHECK_EQ(mm_unmap(&step_space, va, pages + 1), -EINVAL);
        CHECK_EQ(mm_unmap(&step_space, va, pages), 0);
    }
}

static void test_vmap(void)
{
    static void *held[50];
    u64 free;

    fake_reset();
    free = frames_free();
    for (u32 n = 0; n < 2000; n++) {
        const u32 i = random_u64() % 50;

        if (held[i]) {
            vfree(held[i]);
            held[i] = NULL;
        } else {
            held[i] = vmalloc(1 + random_u64() % (40 * PAGE_SIZE));
            CHECK(held[i]);
            CHECK(fake_walk(mm_kernel.root, (u64)held[i]));
            CHECK(!fake_walk(mm_kernel.root, (u64)held[i] - 1));
        }
    }
    for (u32 i = 0; i < 50; i++)
        vfree(held[i]);
    fake_check();
    CHECK_EQ(frames_free(), free);
}

/* A page that cannot be mapped undoes those before it. */
static void test_vmap_of_a_bad_frame(void)
{
    pfn_t frames[4];
    u64 free;
    void *p;

    fake_reset();
    for (u32 i = 0; i < 4; i++)
        frames[i] = frame_alloc(0, 0, FRAME_KERNEL);
    p = vmap(frames, 4, MM_WRITE);
    CHECK(p && fake_walk(mm_kernel.root, (u64)p + 3 * PAGE_SIZE));
    vfree(p);
    free = frames_free();
    frames[3] = PFN(3); /* not RAM */
    CHECK(!vmap(frames, 4, MM_WRITE));
    for (u32 i = 0; i < 4; i++)
        CHECK(!fake_walk(mm_kernel.root, (u64)p + i * PAGE_SIZE));
    CHECK_EQ(frames_free(), free);
    CHECK(!vmap(frames, 0, MM_WRITE) && !vmalloc(0));
}

static void test_balloon(void)
{
    u64 free;

    fake_reset();
    free = frames_free();
    fake_balloon_room = 3;
    CHECK_EQ(mm_balloon_give(5), 3);
    CHECK_EQ(frames_free(), free - 3);
    CHECK_EQ(mm_balloon_pages(), mm_balloon_most() - 3);
    CHECK_EQ(mm_balloon_give(1), -ENOMEM);
    for (u64 n = 16; n < FAKE_FRAMES; n++)
        CHECK(frame_get(PFN(n))->state != FRAME_BALLOON || !frames_open_mappable(PFN(n), 1));
    CHECK_EQ(frames_free(), free - 3); /* what was refused is free again */
    fake_balloon_most = 0;             /* what the hypervisor does not give now can be had later */
    CHECK_EQ(mm_balloon_take(2), 0);
    fake_balloon_most = 1;
    CHECK_EQ(mm_balloon_take(2), 2);
    fake_balloon_most = FAKE_FRAMES;
    CHECK_EQ(mm_balloon_take(9), 1);
    CHECK_EQ(mm_balloon_take(9), 0);
    CHECK_EQ(frames_free(), free);
    CHECK_EQ(mm_balloon_pages(), mm_balloon_most());
    fake_balloon_room = 200; /* more than a run, and not a whole number of runs */
    CHECK_EQ(mm_balloon_give(150), 150);
    CHECK_EQ(frames_free(), free - 150);
    CHECK_EQ(mm_balloon_pages(), mm_balloon_most() - 150);
    CHECK_EQ(mm_balloon_take(149), 149);
    CHECK_EQ(mm_balloon_take(149), 1);
    CHECK_EQ(frames_free(), free);
    fake_balloon_room = FAKE_FRAMES;
    CHECK_EQ((u64)mm_balloon_give(2 * FAKE_FRAMES), free); /* all that are free */
    CHECK_EQ(frames_free(), 0);
    CHECK_EQ((u64)mm_balloon_take(2 * FAKE_FRAMES), free);
    CHECK_EQ(frames_free(), free);
}

static void map_and_unmap(struct mm_space *s, u64 va, u64 pages)
{
    CHECK_EQ(mm_populate(s, va, pages, MM_WRITE), 0);
    fake_flushes = (struct fake_flushes){0};
    CHECK_EQ(mm_unmap(s, va, pages), 0);
}

/*
 * Up to 16 pages are flushed one by one, more by a flush of all, global ones only for the kernel's.
 */
static void test_flushes(void)
{
    u64 free;

    steps_begin();
    CHECK_EQ(mm_space_activate(&step_space), 0);
    for (u64 pages = 1; pages <= 16; pages++) {
        map_and_unmap(&step_space, STEP_VA, pages);
        CHECK(fake_flushes.pages == pages && !fake_flushes.user && !fake_flushes.kernel);
        CHECK(fake_flushes.first == STEP_VA);
        CHECK(fake_flushes.last == STEP_VA + (pages - 1) * PAGE_SIZE);
    }
    map_and_unmap(&step_space, STEP_VA, 17);
    CHECK(!fake_flushes.pages && fake_flushes.user == 1 && !fake_flushes.kernel);
    CHECK_EQ(mm_populate(&step_space, STEP_VA, 3, MM_WRITE), 0);
    free = frames_free();
    fake_flushes = (struct fake_flushes){0};
    CHECK_EQ(mm_protect(&step_space, STEP_VA, 3, 0), 0);
    CHECK_EQ(fake_flushes.pages, 3);
    mm_unmap_free(&step_space, STEP_VA, 3); /* the frames are free after the flush */
    CHECK_EQ(fake_flushes.pages, 6);
    CHECK_EQ(fake_flushes.free_frames, free);
    CHECK(frames_free() >= free + 3);
    CHECK_EQ(mm_space_activate(&mm_kernel), 0);
    map_and_unmap(&step_space, STEP_VA, 17); /* no CPU uses it */
    CHECK(!fake_flushes.pages && !fake_flushes.user && !fake_flushes.kernel);
    map_and_unmap(&mm_kernel, VMAP_BASE + GIB(1), 17);
    CHECK(!fake_flushes.pages && !fake_flushes.user && fake_flushes.kernel == 1);
}

enum { PRESENT = 1, WRITE = 2, USER = 4, EXEC = 16 }; /* of a page fault's error code */

static void test_regions(void)
{
    const u64 va = STEP_VA;

    steps_begin();
    CHECK_EQ(mm_map(&step_space, 0, step_frames, 1, 0), -EINVAL);
    CHECK_EQ(mm_reserve(&step_space, 0, 1, 0), -EINVAL);
    CHECK_EQ(mm_reserve(&step_space, va, 2, 0), 0);
    CHECK_EQ(mm_reserve(&step_space, va + PAGE_SIZE, 2, 0), -EEXIST);
    CHECK_EQ(mm_reserve(&step_space, va - PAGE_SIZE, 2, 0), -EEXIST);
    CHECK_EQ(mm_reserve(&step_space, va + 2 * PAGE_SIZE, 1, MM_WRITE | MM_EXEC), 0);
    CHECK_EQ(mm_reserve(&step_space, va - PAGE_SIZE, 1, MM_WRITE), 0);
    CHECK_EQ(mm_space_activate(&step_space), 0);
    CHECK(!mm_fault(va, WRITE | USER) && !mm_fault(va, EXEC | USER));
    CHECK(!mm_fault(va, PRESENT | USER) && !mm_fault(va + 3 * PAGE_SIZE, USER));
    CHECK(!mm_fault(va - PAGE_SIZE, EXEC | USER));
    CHECK(!fake_walk(step_space.root, va));
    CHECK(mm_fault(va + 5, USER) && fake_walk(step_space.root, va));
    CHECK(!fake_walk(step_space.root, va + PAGE_SIZE));
    CHECK(mm_fault(va, USER)); /* another thread was first */
    CHECK(mm_fault(va + 2 * PAGE_SIZE, WRITE) && mm_fault(va + 2 * PAGE_SIZE, EXEC));
    CHECK_EQ(mm_space_destroy(&step_space), -EBUSY);
    CHECK(step_space.live);
    CHECK_EQ(mm_space_activate(&mm_kernel), 0);
    CHECK_EQ(mm_space_destroy(&mm_kernel), -EBUSY);
    CHECK_EQ(mm_space_destroy(&step_space), 0);
}

/* The upper half of a new space is the kernel's, from the direct map on. */
static void test_new_space_has_the_kernels_half(void)
{
    const u32 first = pt_index(DIRECT_MAP_BASE, PT_LEVELS);
    struct mm_space s;
    u64 *kernel, *user;

    fake_reset();
    kernel = pfn_to_va(mm_kernel.root);
    pv_set_pgd((pgd_t *)&kernel[first], (pgd_t){kernel[pt_index(VMAP_BASE, PT_LEVELS)]});
    CHECK(kernel[first]);
    CHECK_EQ(mm_space_create(&s), 0);
    user = pfn_to_va(s.root);
    for (u32 i = 0; i < PT_ENTRIES; i++)
        CHECK_EQ(user[i], i < first ? 0 : kernel[i]);
}

int main(void)
{
    RUN(test_frames_random);
    RUN(test_query_opens_no_section);
    RUN(test_frames_run_out);
    RUN(test_frames_merge);
    RUN(test_frame_forgets_its_last_owner);
    RUN(test_a_range_is_freed);
    RUN(test_bad_frees);
    RUN(test_heap_random);
    RUN(test_mappings_random);
    RUN(test_map_without_memory);
    RUN(test_map_new_without_memory);
    RUN(test_ranges_end_in_their_space);
    RUN(test_vmap);
    RUN(test_vmap_of_a_bad_frame);
    RUN(test_balloon);
    RUN(test_flushes);
    RUN(test_regions);
    RUN(test_new_space_has_the_kernels_half);
    return finish("mm");
}
