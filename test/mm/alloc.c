/* SPDX-License-Identifier: MIT */
/*
 * The allocators of frames, heap objects and vmalloc ranges, and the balloon: nothing overlaps,
 * everything can be freed, and wrong frees are detected.
 */
#include "lib/format.h"
#include "mm/balloon.h"
#include "mm/heap.h"
#include "mm/vmap.h"
#include "test/harness/mm_util.h"

enum { BLOCKS = 200, STEPS = 3000 };

/* Blocks in use, each filled with its own number, so that an overlap is noticed. */
static struct {
    pfn_t pfn;
    u32 order;
    u64 mark;
} blocks[BLOCKS];

static bool block_intact(u32 i)
{
    const u64 *words = pfn_to_va(blocks[i].pfn);
    const u64 last = (PAGE_SIZE << blocks[i].order) / 8 - 1;

    return words[0] == blocks[i].mark && words[last] == blocks[i].mark;
}

TEST(mm, frames_are_allocated_once_and_can_be_freed)
{
    const int largest = largest_order_once_open();
    const u64 free = frames_free();
    u64 random = 99, wrong = 0;

    memset(blocks, 0, sizeof(blocks));
    for (u32 step = 0; step < STEPS; step++) {
        const u32 i = (u32)(random_next(&random) >> 40) % BLOCKS;

        if (blocks[i].mark) {
            wrong += !block_intact(i);
            frame_free(blocks[i].pfn, blocks[i].order);
            blocks[i].mark = 0;
            continue;
        }
        blocks[i].order = (u32)(random_next(&random) >> 40) % 5;
        blocks[i].pfn = frame_alloc(blocks[i].order, step % 2 ? FRAME_LOW : 0, FRAME_KERNEL);
        if (blocks[i].pfn.n == NO_PFN)
            continue;
        wrong += blocks[i].pfn.n % (1ull << blocks[i].order) != 0;
        wrong += step % 2 && blocks[i].pfn.n >= GIB(4) >> PAGE_SHIFT;
        blocks[i].mark = step + 1;
        ((u64 *)pfn_to_va(blocks[i].pfn))[0] = blocks[i].mark;
        ((u64 *)pfn_to_va(blocks[i].pfn))[(PAGE_SIZE << blocks[i].order) / 8 - 1] = blocks[i].mark;
    }
    for (u32 i = 0; i < BLOCKS; i++)
        if (blocks[i].mark) {
            wrong += !block_intact(i);
            frame_free(blocks[i].pfn, blocks[i].order);
        }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(frames_free(), free);
    EXPECT_EQ(frames_largest_order(), largest);
}

/* Write to each frame of a block. Return how many of them cannot be written. */
static u64 write_block(u64 *block, u32 order)
{
    struct fault f;
    u64 unreachable = 0;

    for (u64 i = 0; i < 1ull << order; i++)
        unreachable += !try_write((u64)block + (i + 1) * PAGE_SIZE - 8, order, &f);
    return unreachable;
}

/*
 * Includes RAM that the direct map leaves out until it is needed (mm/kernel_tables.c). Each frame
 * is written, because a hypervisor may have set aside less memory than it calls RAM, and end a
 * guest that touches more.
 */
TEST(mm, all_memory_can_be_allocated_and_written)
{
    const u64 free = frames_free();
    u64 unreachable = 0, left = 0, taken = 0, *blocks_list = NULL;
    struct fault f;

    for (u32 order = FRAME_ORDER_MAX + 1; order-- > 0;)
        for (pfn_t pfn; (pfn = frame_alloc(order, 0, FRAME_KERNEL)).n != NO_PFN;) {
            u64 *block = pfn_to_va(pfn);

            taken += 1ull << order;
            if (write_block(block, order) || !try_write((u64)block, (u64)blocks_list, &f)) {
                unreachable++;
                continue;
            }
            block[1] = order;
            blocks_list = block;
        }
    left = frames_free();
    while (blocks_list) {
        u64 *block = blocks_list;

        blocks_list = (u64 *)block[0];
        frame_free(va_to_pfn(block), (u32)block[1]);
    }
    EXPECT_EQ(unreachable, 0);
    EXPECT_EQ(taken, free);
    EXPECT_EQ(left, 0);
    EXPECT_EQ(frames_free(), free);
}

TEST(mm, zeroed_frames_are_zero)
{
    const pfn_t dirty = marked_frame(~0ull);
    pfn_t pfn;
    u64 any = 0;

    REQUIRE(dirty.n != NO_PFN);
    frame_free(dirty, 0);
    pfn = frame_alloc(0, FRAME_ZEROED, FRAME_KERNEL);
    REQUIRE(pfn.n != NO_PFN);
    for (u32 i = 0; i < PAGE_SIZE / 8; i++)
        any |= ((u64 *)pfn_to_va(pfn))[i];
    EXPECT_EQ(any, 0);
    frame_free(pfn, 0);
    EXPECT_EQ(frame_alloc(FRAME_ORDER_MAX + 1, 0, FRAME_KERNEL).n, NO_PFN);
}

TEST(mm, wrong_frees_are_reported_with_the_frame)
{
    const pfn_t pfn = frame_alloc(1, 0, FRAME_KERNEL);
    const u64 free = frames_free();
    char frame[32];

    REQUIRE(pfn.n != NO_PFN);
    ksnprintf(frame, sizeof(frame), "*frame %llx *", (unsigned long long)pfn.n);
    PANICS("frame_free")
    {
        frame_free(pfn, 0); /* wrong order */
    }
    EXPECT(glob_match(frame, caught_panic));
    PANICS("frame_free")
    {
        frame_free(PFN(pfn.n + 1), 0); /* the middle of a block */
    }
    PANICS("frame_free")
    {
        frame_free(mm_kernel.root, 0); /* a page table of the kernel */
    }
    PANICS("frame_free")
    {
        frame_free(PFN(1), 0); /* reserved since boot */
    }
    PANICS("frame_free")
    {
        frame_free(PFN(1ull << 40), 0); /* not RAM */
    }
    EXPECT_EQ(frames_free(), free);
    frame_free(pfn, 1);
    PANICS("frame_free")
    {
        frame_free(pfn, 1); /* twice */
    }
    EXPECT_EQ(frames_free(), free + 2);
}

TEST(mm, debug_mode_notices_writes_to_free_frames)
{
    const pfn_t pfn = marked_frame(1);
    u64 *words = pfn_to_va(pfn);
    const u64 free = frames_free();
    static pfn_t held[64];
    static u32 n;

    REQUIRE(pfn.n != NO_PFN);
    n = 0;
    frame_debug = true;
    frame_free(pfn, 0);
    EXPECT_EQ(words[7], 0xa5a5a5a5a5a5a5a5);
    words[7] = 1; /* by a stale pointer */
    PANICS("frame_alloc")
    {
        while (n < ARRAY_SIZE(held)) {
            held[n] = frame_alloc(0, 0, FRAME_KERNEL);
            n++;
        }
    }
    frame_debug = false;
    frame_free(pfn, 0); /* it was allocated before it was checked */
    while (n)
        frame_free(held[--n], 0);
    EXPECT_EQ(frames_free(), free + 1);
    EXPECT(glob_match("*offset 38*", caught_panic));
}

enum { OBJECTS = 300 };

TEST(mm, heap_objects_do_not_overlap)
{
    const u64 free = frames_free();
    const u64 before = heap_objects();
    static u8 *objects[OBJECTS];
    static u32 sizes[OBJECTS];
    u64 random = 7, wrong = 0;

    memset(objects, 0, sizeof(objects));
    for (u32 step = 0; step < STEPS; step++) {
        const u32 i = (u32)(random_next(&random) >> 40) % OBJECTS;

        if (objects[i]) {
            for (u32 b = 0; b < sizes[i]; b += 13)
                wrong += objects[i][b] != (u8)i;
            kfree(objects[i]);
            objects[i] = NULL;
            continue;
        }
        sizes[i] = 1 + (u32)(random_next(&random) >> 40) % (step % 50 ? 700 : 20000);
        objects[i] = kmalloc(sizes[i]);
        REQUIRE(objects[i]);
        wrong += (u64)objects[i] % 16 != 0;
        memset(objects[i], (int)i, sizes[i]);
    }
    for (u32 i = 0; i < OBJECTS; i++)
        kfree(objects[i]);
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(heap_objects(), before);
    EXPECT_EQ(frames_free(), free);
}

TEST(mm, heap_clears_aligns_and_refuses_impossible_sizes)
{
    u8 *p;
    u64 any = 0;

    for (u32 round = 0; round < 3; round++) { /* later rounds get memory that was written to */
        p = kzalloc(100);
        REQUIRE(p);
        for (u32 i = 0; i < 100; i++)
            any |= p[i];
        EXPECT_EQ(any, 0);
        memset(p, 0xa5, 100);
        kfree(p);
    }
    kfree(NULL);
    EXPECT(!kmalloc(0));
    EXPECT(!kmalloc(~0ull));
    EXPECT(!kmalloc(frames_total() * PAGE_SIZE + 1)); /* an error, not a crash */
    for (u32 size = 16; size <= 2048; size *= 2) {
        p = kmalloc(size);
        EXPECT_EQ((u64)p % size, 0);
        kfree(p);
    }
}

TEST(mm, heap_notices_wrong_frees)
{
    u8 *a = kmalloc(40), *b = kmalloc(40), *c = kmalloc(40);
    u64 local = 0;

    REQUIRE(a && b && c);
    PANICS("kfree")
    {
        kfree(b + 16);
    }
    kfree(b);
    PANICS("kfree")
    {
        kfree(b);
    }
    EXPECT(glob_match("*freed already*", caught_panic));
    PANICS("kfree")
    {
        kfree(&local);
    }
    PANICS("kfree")
    {
        kfree(pfn_to_va(mm_kernel.root));
    }
    *(u64 *)b = 5; /* write after free */
    PANICS("kmalloc")
    {
        local = (u64)kmalloc(40);
    }
    *(u64 *)a = 0;
    kfree(a);
    kfree(c);
}

TEST(mm, vmalloc_has_guards_and_frees_everything)
{
    const u64 free = frames_free();
    struct fault f = {0};
    u64 value;
    u8 *p = vmalloc(5 * PAGE_SIZE + 1), *q = vmalloc(PAGE_SIZE), *r = kmalloc(MIB(5));

    REQUIRE(p && q && r);
    EXPECT((u64)r >= VMAP_BASE && (u64)r < VMAP_END);
    memset(p, 1, 6 * PAGE_SIZE);
    memset(r, 2, MIB(5));
    EXPECT(!try_read((u64)p - 8, &value, &f) && f.vector == VECTOR_PF);
    EXPECT(!try_read((u64)p + 6 * PAGE_SIZE, &value, &f) && f.vector == VECTOR_PF);
    EXPECT(!try_read((u64)q + PAGE_SIZE, &value, &f));
    vfree(p);
    EXPECT(!try_read((u64)p, &value, &f));
    kfree(r);
    vfree(q);
    EXPECT_EQ(frames_free(), free);
    PANICS("vfree")
    {
        vfree(q);
    }
    EXPECT(!vmalloc(GIB(1000)));
}

TEST(mm, vmap_maps_scattered_frames_contiguously)
{
    const u64 free = frames_free();
    pfn_t frames[4];
    u64 *p;

    for (u64 i = 0; i < 4; i++)
        frames[3 - i] = marked_frame(3 - i);
    p = vmap(frames, 4, 0);
    REQUIRE(p);
    for (u64 i = 0; i < 4; i++)
        EXPECT_EQ(p[i * PAGE_SIZE / 8 + 1], i);
    vfree(p);
    for (u64 i = 0; i < 4; i++) {
        EXPECT_EQ(frame_mark(frames[i]), i);
        frame_free(frames[i], 0);
    }
    EXPECT_EQ(frames_free(), free);
}

TEST(mm, balloon_takes_frames_out_of_use_and_back, balloon_adjust)
{
    const u64 free = frames_free();
    const s64 given = mm_balloon_give(40);

    if (given == -ENODEV) {
        EXPECT_EQ(frames_free(), free);
        SKIP("no hypervisor, so no balloon");
    }
    EXPECT_EQ(given, 40);
    EXPECT_EQ(frames_free(), free - 40);
    EXPECT_EQ(mm_balloon_take(100), 40);
    EXPECT_EQ(frames_free(), free);
}

/* Ranges that start in mapped memory and end outside, or that wrap around. */
TEST(mm, physical_ranges_are_mapped_as_a_whole_or_refused, memory_map)
{
    const struct boot_info *b = boot_info_ptr;
    u32 tried = 0;

    for (u32 i = 0; i < b->nr_regions; i++) {
        const u64 end = ALIGN_UP(b->regions[i].base + b->regions[i].size, PAGE_SIZE);

        if (!phys_to_va(end - PAGE_SIZE, PAGE_SIZE) || phys_to_va(end, 1))
            continue;
        tried++;
        EXPECT(phys_to_va(end - 1, 1) == (const u8 *)DIRECT_MAP + end - 1);
        EXPECT(!phys_to_va(end - PAGE_SIZE, PAGE_SIZE + 1));
        EXPECT(!phys_to_va(end - 1, 2));
        EXPECT(!phys_to_va(end - PAGE_SIZE, -(end - PAGE_SIZE) + 5));
        EXPECT(!phys_to_va(end - PAGE_SIZE, ~0ull));
    }
    EXPECT(tried);
    /* An address above the direct map is mapped, but is not the physical memory of that address. */
    EXPECT(!phys_to_va(VIRT_BASE - DIRECT_MAP + BOOT_IMAGE_BASE, 1));
    EXPECT(!phys_to_va((u64)blocks - DIRECT_MAP, 1));
    EXPECT(!phys_to_va(~0ull, 1));
}
