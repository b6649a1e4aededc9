/* SPDX-License-Identifier: MIT */
/*
 * Costs of mappings and allocations. Under -icount a tick is one instruction, Xen's included; a
 * hypercall is one entry into the hypervisor, and a batch counts as one.
 */
#include "mm/heap.h"
#include "test/bench/bench.h"
#include "test/harness/mm_util.h"

enum {
    PAGES = 4096,
    ORDER = 9, /* the pages are eight blocks of 512 frames */
    SPACE_PAGES = 1024,
    SPACE_ORDER = 10,
    FRAGMENTS = 4096,
    MILLION = 1000000,
};

static u64 hypercalls(void)
{
    u64 updates;

    return pv_hypercall_count(&updates);
}

static u64 ticks_since(u64 before)
{
    return pv_read_tsc() - before;
}

/* Allocate 4096 frames in contiguous blocks; return false if memory has not as many blocks. */
static pfn_t runs[PAGES >> ORDER];

static bool runs_alloc(void)
{
    for (u32 i = 0; i < ARRAY_SIZE(runs); i++)
        runs[i] = PFN_INVALID;
    for (u32 i = 0; i < ARRAY_SIZE(runs); i++) {
        runs[i] = frame_alloc(ORDER, 0, FRAME_KERNEL);
        if (runs[i].n == NO_PFN)
            return false;
    }
    return true;
}

static void runs_free(void)
{
    for (u32 i = 0; i < ARRAY_SIZE(runs); i++)
        if (runs[i].n != NO_PFN)
            frame_free(runs[i], ORDER);
}

static int map_all(u64 va)
{
    int error = 0;

    pv_lazy_enter();
    for (u32 i = 0; i < ARRAY_SIZE(runs); i++)
        error |= mm_map(&mm_kernel, va + (i * PAGE_SIZE << ORDER), runs[i], 1 << ORDER, MM_WRITE);
    pv_lazy_leave();
    return error;
}

/* Map 4096 pages in one of two ways; return the ticks, and in *calls the hypercalls. */
static u64 measure_map(bool fresh, u64 *calls)
{
    u64 ticks, before;

    if (!runs_alloc()) {
        runs_free();
        return bench_none("not enough contiguous memory");
    }
    /* One mapped page in every table keeps the table when the others are unmapped. */
    for (u32 i = 0; !fresh && i < PAGES / PT_ENTRIES; i++)
        if (mm_map(&mm_kernel, TEST_VA + i * MIB(2) + MIB(2) - PAGE_SIZE, runs[0], 1, 0))
            return bench_none("no memory");
    *calls = hypercalls();
    before = pv_read_tsc();
    if (fresh) {
        map_all(TEST_VA);
    } else {
        pv_lazy_enter();
        for (u32 i = 0; i < PAGES / PT_ENTRIES; i++)
            if (mm_map(&mm_kernel, TEST_VA + i * MIB(2), runs[i], PT_ENTRIES - 1, MM_WRITE))
                break;
        pv_lazy_leave();
    }
    ticks = ticks_since(before);
    *calls = hypercalls() - *calls;
    mm_unmap(&mm_kernel, TEST_VA, PAGES);
    runs_free();
    return ticks;
}

BENCH(mm, map_4096_fresh_hypercalls, "hypercalls")
{
    u64 calls = 0;

    return measure_map(true, &calls) == BENCH_NONE ? BENCH_NONE : calls;
}

BENCH(mm, map_4096_fresh_page, "ticks/page")
{
    u64 calls = 0, ticks = measure_map(true, &calls);

    return ticks == BENCH_NONE ? ticks : ticks / PAGES;
}

BENCH(mm, map_4096_prepared_hypercalls, "hypercalls")
{
    u64 calls = 0;

    return measure_map(false, &calls) == BENCH_NONE ? BENCH_NONE : calls;
}

BENCH(mm, map_4096_prepared_page, "ticks/page")
{
    u64 calls = 0, ticks = measure_map(false, &calls);

    return ticks == BENCH_NONE ? ticks : ticks / PAGES;
}

/* The minimum for 4096 mappings on bare metal: a loop of stores into existing tables. */
static u64 __attribute__((noinline)) straight_stores(volatile u64 *table, u64 value)
{
    const u64 before = pv_read_tsc();

    for (u32 i = 0; i < PAGES; i++, value += PAGE_SIZE)
        table[i] = value;
    return ticks_since(before);
}

/*
 * Return the cost of mapping as many pages in relation to that minimum, in thousandths; on bare
 * metal it should stay near 1000.
 */
static u64 against_stores(bool fresh)
{
    u64 calls = 0, ticks = measure_map(fresh, &calls);
    u64 *table = kmalloc(PAGES * sizeof(u64));

    if (ticks != BENCH_NONE && table)
        ticks = ticks * 1000 / straight_stores(table, PTE_PRESENT);
    kfree(table);
    return table ? ticks : bench_none("no memory");
}

BENCH(mm, map_4096_fresh_vs_stores, "1/1000")
{
    return against_stores(true);
}

BENCH(mm, map_4096_prepared_vs_stores, "1/1000")
{
    return against_stores(false);
}

BENCH(mm, straight_stores_4096, "ticks")
{
    u64 *table = kmalloc(PAGES * sizeof(u64));
    u64 ticks;

    if (!table)
        return bench_none("no memory");
    ticks = straight_stores(table, PTE_PRESENT);
    kfree(table);
    return ticks;
}

/* Build, activate and destroy a space with 1024 pages. */
static u64 space_round(pfn_t frames)
{
    static struct mm_space s;
    int error;

    if (mm_space_create(&s))
        return BENCH_NONE;
    error = mm_map(&s, USER_VA, frames, SPACE_PAGES, MM_WRITE);
    error |= mm_space_activate(&s);
    error |= mm_space_activate(&mm_kernel);
    error |= mm_space_destroy(&s);
    return error ? BENCH_NONE : 0;
}

static u64 measure_space(u64 *calls)
{
    const pfn_t frames = frame_alloc(SPACE_ORDER, 0, FRAME_KERNEL);
    u64 before, result;

    if (frames.n == NO_PFN)
        return bench_none("no memory");
    *calls = hypercalls();
    before = pv_read_tsc();
    result = space_round(frames);
    if (result != BENCH_NONE)
        result = ticks_since(before);
    *calls = hypercalls() - *calls;
    frame_free(frames, SPACE_ORDER);
    return result;
}

BENCH(mm, space_of_1024_hypercalls, "hypercalls")
{
    u64 calls = 0;

    return measure_space(&calls) == BENCH_NONE ? BENCH_NONE : calls;
}

BENCH(mm, space_of_1024_pages, "ticks")
{
    u64 calls = 0;

    return measure_space(&calls);
}

static void loop_frames(u32 count)
{
    for (; count; count--)
        frame_free(frame_alloc(0, 0, FRAME_KERNEL), 0);
}

/*
 * A frame costs the least if a block of order 0 is free, and the most if only the largest blocks
 * are: each order in between is one block to split, and one pair of buddies to merge. So what is
 * free is brought into these two states first; otherwise the count would depend on the parity of
 * all that was allocated before.
 */
BENCH(mm, frame_alloc_and_free, "ticks")
{
    const pfn_t pair = frame_alloc(1, FRAME_SINGLE, FRAME_KERNEL);
    u64 ticks;

    if (pair.n == NO_PFN)
        return bench_none("no memory");
    frame_free(PFN(pair.n + 1), 0);
    ticks = bench_per_call(loop_frames);
    frame_free(pair, 0);
    return ticks;
}

BENCH(mm, frame_alloc_and_free_with_10_splits, "ticks")
{
    const pfn_t largest = frame_alloc(FRAME_ORDER_MAX, 0, FRAME_KERNEL);
    u32 held = 0;
    u64 ticks;

    if (largest.n == NO_PFN)
        return bench_none("no memory");
    hold_all_memory(&held);
    frame_free(largest, FRAME_ORDER_MAX);
    ticks = bench_per_call(loop_frames);
    release_memory(&held);
    return ticks;
}

static void loop_heap(u32 count)
{
    for (; count; count--)
        kfree(kmalloc(100));
}

/* One object stays in use, so that the slab is not freed. */
BENCH(mm, kmalloc_and_kfree, "ticks")
{
    void *keep = kmalloc(100);
    const u64 ticks = bench_per_call(loop_heap);

    kfree(keep);
    return ticks;
}

BENCH(mm, frame_table_per_frame, "bytes")
{
    return sizeof(struct frame);
}

/*
 * After a million random allocations and frees of 1 to 16 frames, with at most 4096 blocks in use:
 * the share of free memory that cannot serve a block of 4 MiB.
 */
BENCH(mm, fragmentation_after_million, "1/1000")
{
    static u32 pfns[FRAGMENTS]; /* no_block: none */
    static u8 orders[FRAGMENTS];
    const u32 no_block = ~0u;
    u64 random = 1, free, large = 0;
    u32 first = 0;

    if (frames_free() > MIB(600) >> PAGE_SHIFT)
        return bench_none("too much memory to take all of it");
    for (u32 i = 0; i < FRAGMENTS; i++)
        pfns[i] = no_block;
    for (u32 n = 0; n < MILLION; n++) {
        const u64 r = random_next(&random) >> 20;
        const u32 i = r % FRAGMENTS;

        if (pfns[i] != no_block) {
            frame_free(PFN(pfns[i]), orders[i]);
            pfns[i] = no_block;
        } else {
            orders[i] = (u8)((r >> 30) % 5);
            pfns[i] = (u32)frame_alloc(orders[i], 0, FRAME_KERNEL).n;
        }
    }
    free = frames_free();
    for (;;) {
        const pfn_t pfn = frame_alloc(FRAME_ORDER_MAX, 0, FRAME_KERNEL);

        if (pfn.n == NO_PFN)
            break;
        frame_get(pfn)->next = first;
        first = (u32)pfn.n;
        large += 1 << FRAME_ORDER_MAX;
    }
    while (first) {
        const pfn_t pfn = PFN(first);

        first = frame_get(pfn)->next;
        frame_free(pfn, FRAME_ORDER_MAX);
    }
    for (u32 i = 0; i < FRAGMENTS; i++)
        if (pfns[i] != no_block)
            frame_free(PFN(pfns[i]), orders[i]);
    return free ? (free - large) * 1000 / free : 0;
}
