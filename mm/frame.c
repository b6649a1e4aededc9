/* SPDX-License-Identifier: MIT */
/*
 * The allocator of page frames.
 *
 * Buddy blocks. Free memory is kept in blocks of 2^order frames, aligned to their size, orders 0 to
 * FRAME_ORDER_MAX. The buddy of a block is the block of the same order whose number differs in bit
 * `order` only; the two halves of a larger block are buddies. To allocate an order, take a free
 * block of it, or of the next larger order that has one, and free the halves that are not needed.
 * To free a block, merge it with its buddy for as long as the buddy is free:
 *
 *     order 2   [ 8  9 10 11 ]     frame 8 is freed, while 9 is free, and 10 to 11 are
 *     order 1   [ 8  9 ][10 11 ]   8 merges with 9, then 8 to 9 merge with 10 to 11
 *     order 0   [ 8 ][ 9 ]
 *
 * Zones. Frames below 4 GiB are a zone of their own, used last, because some devices can address
 * only these (FRAME_LOW, frame_alloc_contiguous).
 *
 * The table of frames. struct frame holds each frame's state: who owns it, and what the owner keeps
 * there (mm/frame.h). A frame given to the hypervisor (FRAME_BALLOON) is neither free nor mappable
 * until it is taken back (mm/balloon.c).
 *
 * Sections. Memory is opened 32 MiB at a time, when it is first needed: the section's part of the
 * table of frames is written, the direct map gets tables for it where the platform needs them
 * (kernel_tables_open), and its free blocks enter the lists. A machine with much memory so starts
 * as fast as one with little. The allocator opens a section when its lists are empty; frame_open
 * opens the section of a frame that the boot had in use, a module's for example.
 *
 * Invariants: the first frame of a free block is in exactly one list, that of its zone and order;
 * two buddies of one order are never both free, except where one's section is not open.
 */
#include "mm/frame.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "pv/pv.h"
#include "pv/spinlock.h"

enum {
    ZONE_LOW, /* below 4 GiB */
    ZONE_HIGH,
    NR_ZONES,

    NR_ORDERS = FRAME_ORDER_MAX + 1,
    SECTIONS_MAX = 16384, /* 512 GiB, as much as the direct map has room for */

    POISON = 0xa5, /* what debug mode fills freed frames with */
};

/* The CPU that opens a section holds the lock; all other code uses sections that are ready. */
enum section {
    SECTION_CLOSED,
    SECTION_FILLING,
    SECTION_READY,
};

#define LOW_FRAMES (GIB(4) >> PAGE_SHIFT)

bool frame_debug; /* Written: by tests, while no other CPU allocates */

/*
 * Guarded by: lock. frame_get and frames_open_mappable read tables, nr_frames and sections without
 * it: the first two are complete at boot, and a section that is SECTION_READY stays so. A frame's
 * own struct belongs to the owner of the frame.
 */
static struct spinlock lock = SPINLOCK("frames");
static struct frame *tables[SECTIONS_MAX]; /* NULL for a section without RAM */
static struct {
    u64 nr_frames;
    const struct frame_range *ram, *unused;
    u32 nr_ram, nr_unused;
    u64 total, free;                /* in frames */
    u32 lists[NR_ZONES][NR_ORDERS]; /* of free blocks (frame_push) */
    u8 sections[SECTIONS_MAX];      /* enum section */
} frames;

/* Return the struct frame of a frame whose section has a part of the table and is not closed. */
static struct frame *frame_entry(u64 pfn)
{
    return &tables[pfn >> FRAME_SECTION_SHIFT][pfn & (FRAME_SECTION - 1)];
}

static int zone_of(u64 pfn)
{
    return pfn < LOW_FRAMES ? ZONE_LOW : ZONE_HIGH;
}

void frame_push(u32 *list, pfn_t pfn)
{
    struct frame *frame = frame_entry(pfn.n);

    frame->prev = 0;
    frame->next = *list;
    if (*list)
        frame_entry(*list)->prev = (u32)pfn.n;
    *list = (u32)pfn.n;
}

void frame_drop(u32 *list, pfn_t pfn)
{
    const struct frame *frame = frame_entry(pfn.n);

    if (frame->prev)
        frame_entry(frame->prev)->next = frame->next;
    else
        *list = frame->next;
    if (frame->next)
        frame_entry(frame->next)->prev = frame->prev;
}

pfn_t frame_pop(u32 *list)
{
    const pfn_t pfn = PFN(*list);

    frame_drop(list, pfn);
    return pfn;
}

void frames_free_list(u32 list)
{
    while (list)
        frame_free(frame_pop(&list), 0);
}

/* ---- Free blocks: the lock is held ---------------------------------------------------------- */

/* Add a block to the list of its order; lists are those of its zone. */
static void free_list_add(u32 *lists, u64 pfn, u32 order)
{
    frame_entry(pfn)->state = FRAME_FREE;
    frame_entry(pfn)->order = (u8)order;
    frame_push(&lists[order], PFN(pfn));
}

static bool is_free_block(u64 pfn, u32 order)
{
    return pfn < frames.nr_frames && frames.sections[pfn >> FRAME_SECTION_SHIFT] &&
           frame_entry(pfn)->state == FRAME_FREE && frame_entry(pfn)->order == order;
}

/* Make a block free: merge it with its buddy for as long as that is free too. */
static void buddy_free(u64 pfn, u32 order)
{
    u32 *lists = frames.lists[zone_of(pfn)];

    for (; order < FRAME_ORDER_MAX; order++) {
        const u64 buddy = pfn ^ (1ull << order);

        if (!is_free_block(buddy, order))
            break;
        frame_drop(&lists[order], PFN(buddy));
        frame_entry(MAX(pfn, buddy))->order = FRAME_TAIL;
        pfn = MIN(pfn, buddy);
    }
    free_list_add(lists, pfn, order);
}

/* Set the state of the frames [start, end). order: that of each as a block, or FRAME_TAIL. */
static void set_state(u64 start, u64 end, enum frame_state state, u8 order)
{
    for (; start < end; start++) {
        frame_entry(start)->state = (u8)state;
        frame_entry(start)->order = order;
    }
}

/* Make [start, end) free, in the largest aligned blocks that it consists of. */
static void buddy_free_range(u64 start, u64 end)
{
    set_state(start, end, FRAME_FREE, FRAME_TAIL);
    while (start < end) {
        u32 order = (u32)__builtin_ctzll(start | 1ull << FRAME_ORDER_MAX);

        while (start + (1ull << order) > end)
            order--;
        buddy_free(start, order);
        start += 1ull << order;
    }
}

/* ---- Sections: the lock is held -------------------------------------------------------------- */

/*
 * Make a section usable (see the head of this file). Other CPUs see it as ready only when its part
 * of the table of frames and of the direct map is complete.
 */
static void open_section(u64 section)
{
    const u64 start = section << FRAME_SECTION_SHIFT;
    const u64 end = MIN(start + FRAME_SECTION, frames.nr_frames);

    memset(frame_entry(start), 0, (end - start) * sizeof(struct frame));
    frames.sections[section] = SECTION_FILLING;
    kernel_tables_open(PFN(start), end - start);
    for (u32 i = 0; i < frames.nr_ram; i++)
        set_state(MAX(start, frames.ram[i].start), MIN(end, frames.ram[i].end),
                  frames.ram[i].absent ? FRAME_BALLOON : FRAME_BOOT, FRAME_TAIL);
    for (u32 i = 0; i < frames.nr_unused; i++)
        buddy_free_range(MAX(start, frames.unused[i].start), MIN(end, frames.unused[i].end));
    __atomic_store_n(&frames.sections[section], SECTION_READY, __ATOMIC_RELEASE);
}

/* Open one more section of this zone, the highest that is closed. Return false if all are open. */
static bool zone_grow(int zone)
{
    for (u64 s = (frames.nr_frames + FRAME_SECTION - 1) >> FRAME_SECTION_SHIFT; s-- > 0;)
        if (tables[s] && !frames.sections[s] && zone_of(s << FRAME_SECTION_SHIFT) == zone) {
            open_section(s);
            return true;
        }
    return false;
}

void frame_tables_clear(void)
{
    memset(tables, 0, sizeof(tables));
}

void frame_tables_add(u64 first_section, u64 count, struct frame *table)
{
    for (u64 i = 0; i < count && first_section + i < SECTIONS_MAX; i++)
        tables[first_section + i] = table + i * FRAME_SECTION;
}

void frame_init(u64 nr_frames, const struct frame_range *ram, u32 nr_ram,
                const struct frame_range *unused, u32 nr_unused)
{
    memset(&frames, 0, sizeof(frames));
    frames.nr_frames = MIN(nr_frames, (u64)SECTIONS_MAX << FRAME_SECTION_SHIFT);
    frames.ram = ram;
    frames.nr_ram = nr_ram;
    frames.unused = unused;
    frames.nr_unused = nr_unused;
    for (u32 i = 0; i < nr_unused; i++)
        frames.total +=
            MIN(unused[i].end, frames.nr_frames) - MIN(unused[i].start, frames.nr_frames);
    frames.free = frames.total;
}

static bool section_is_ready(u64 section)
{
    return __atomic_load_n(&frames.sections[section], __ATOMIC_ACQUIRE) == SECTION_READY;
}

struct frame *frame_get(pfn_t pfn)
{
    if (pfn.n >= frames.nr_frames || !section_is_ready(pfn.n >> FRAME_SECTION_SHIFT))
        return NULL;
    return frame_entry(pfn.n);
}

struct frame *frame_open(pfn_t pfn)
{
    const u64 section = pfn.n >> FRAME_SECTION_SHIFT;

    if (pfn.n >= frames.nr_frames || !tables[section])
        return NULL;
    if (!section_is_ready(section)) {
        spin_lock(&lock);
        if (frames.sections[section] == SECTION_CLOSED)
            open_section(section);
        spin_unlock(&lock);
    }
    return frame_entry(pfn.n);
}

/* ---- Allocating ----------------------------------------------------------------------------- */

/*
 * Take a block out of the lists of a zone, and put what is left of a larger one back. Return
 * PFN_INVALID if no list has one.
 */
static pfn_t zone_alloc(int zone, u32 order)
{
    u32 *lists = frames.lists[zone], o = order;
    pfn_t pfn;

    while (o < NR_ORDERS && !lists[o])
        o++;
    if (o == NR_ORDERS)
        return PFN_INVALID;
    pfn = frame_pop(&lists[o]);
    while (o-- > order)
        free_list_add(lists, pfn.n + (1ull << o), o);
    return pfn;
}

/* The same, and open sections until there is one. */
static pfn_t zone_alloc_or_grow(int zone, u32 order)
{
    pfn_t pfn = zone_alloc(zone, order);

    while (pfn.n == PFN_INVALID.n && zone_grow(zone))
        pfn = zone_alloc(zone, order);
    return pfn;
}

/* Panic if a frame that was freed in debug mode does not hold the pattern any more. */
static void check_poison(u64 pfn)
{
    const u8 *bytes = pfn_to_va(PFN(pfn));

    for (u64 i = 0; frame_entry(pfn)->poisoned && i < PAGE_SIZE; i++)
        if (bytes[i] != POISON)
            pv_panic("frame_alloc", "frame %llx was written to at offset %llx after it was freed",
                     (unsigned long long)pfn, (unsigned long long)i);
}

/* Allocate a block, from high memory first, and enter its owner in the table of frames. */
static pfn_t block_alloc(u32 order, u32 flags, enum frame_state owner)
{
    pfn_t pfn;

    spin_lock(&lock);
    pfn = flags & FRAME_LOW ? PFN_INVALID : zone_alloc_or_grow(ZONE_HIGH, order);
    if (pfn.n == PFN_INVALID.n)
        pfn = zone_alloc_or_grow(ZONE_LOW, order);
    if (pfn.n != PFN_INVALID.n) {
        set_state(pfn.n, pfn.n + (1ull << order), owner, flags & FRAME_SINGLE ? 0 : FRAME_TAIL);
        if (!(flags & FRAME_SINGLE))
            frame_entry(pfn.n)->order = (u8)order;
        frame_entry(pfn.n)->used = 0;
        WRITE_ONCE(frames.free, frames.free - (1ull << order));
    }
    spin_unlock(&lock);
    return pfn;
}

pfn_t frame_alloc(u32 order, u32 flags, enum frame_state owner)
{
    const pfn_t pfn = order > FRAME_ORDER_MAX ? PFN_INVALID : block_alloc(order, flags, owner);

    if (pfn.n == PFN_INVALID.n)
        return pfn;
    for (u64 i = 0; frame_debug && i < 1ull << order; i++)
        check_poison(pfn.n + i);
    if (flags & FRAME_ZEROED)
        memset(pfn_to_va(pfn), 0, PAGE_SIZE << order);
    return pfn;
}

/* ---- Freeing -------------------------------------------------------------------------------- */

/* Return whether it was allocated as a block of this order, and is not a page table in use. */
static bool may_be_freed(const struct frame *frame, u32 order)
{
    return frame->state >= FRAME_TABLE && frame->state <= FRAME_USER && frame->order == order &&
           !(frame->state == FRAME_TABLE && frame->used);
}

static void poison(pfn_t first, u32 order)
{
    for (u64 i = 0; i < 1ull << order; i++)
        frame_entry(first.n + i)->poisoned = frame_debug;
    if (frame_debug)
        memset(pfn_to_va(first), POISON, PAGE_SIZE << order);
}

/* Free a block. Return NULL, or what it is instead of a block that was allocated. Lock: held. */
static const char *block_free(pfn_t first, u32 order)
{
    static const char states[][16] = {"not RAM",        "free already", "the boot's",
                                      "a table in use", "the kernel's", "the heap's",
                                      "a user's",       "ballooned"};
    const struct frame *frame = frame_get(first);

    if (!frame)
        return "not RAM, or never allocated";
    if (!may_be_freed(frame, order))
        return states[frame->state];
    poison(first, order);
    set_state(first.n, first.n + (1ull << order), FRAME_FREE, FRAME_TAIL);
    buddy_free(first.n, order);
    WRITE_ONCE(frames.free, frames.free + (1ull << order));
    return NULL;
}

/* Free count blocks of an order, one or more, that are contiguous, with the lock taken once. */
static void blocks_free(pfn_t pfn, u64 count, u32 order)
{
    const char *error;

    spin_lock(&lock);
    while (!(error = block_free(pfn, order)) && --count)
        pfn.n += 1ull << order;
    spin_unlock(&lock);
    if (error)
        pv_panic("frame_free", "frame %llx is not an allocated block of order %u (%s)",
                 (unsigned long long)pfn.n, order, error);
}

void frame_free(pfn_t first, u32 order)
{
    blocks_free(first, 1, order);
}

void frames_free_range(pfn_t first, u64 count)
{
    if (count)
        blocks_free(first, count, 0);
}

pfn_t frame_alloc_contiguous(u32 order, u32 address_bits)
{
    const pfn_t pfn = frame_alloc(order, address_bits <= 32 ? FRAME_LOW : 0, FRAME_KERNEL);
    int error;

    if (pfn.n == PFN_INVALID.n)
        return pfn;
    spin_lock(&lock); /* the op requires that the thread stays on its CPU */
    error = pv_make_contiguous(pfn, order, address_bits);
    spin_unlock(&lock);
    if (!error)
        return pfn;
    frame_free(pfn, order);
    return PFN_INVALID;
}

static void release_frames(pfn_t first, u64 count, enum frame_state state)
{
    for (u64 n = first.n; n < first.n + count; n++)
        if (frame_open(PFN(n))->state != state)
            pv_panic("release_frames", "the state of frame %llx is %u", (unsigned long long)n,
                     frame_entry(n)->state);
    spin_lock(&lock);
    buddy_free_range(first.n, first.n + count);
    frames.free += count;
    frames.total += count;
    spin_unlock(&lock);
}

void frame_release_boot(pfn_t first, u64 count)
{
    release_frames(first, count, FRAME_BOOT);
}

void frame_release_absent(pfn_t first, u64 count)
{
    release_frames(first, count, FRAME_BALLOON);
}

/* A block's first frame answers for all of it, so that a large range takes few steps. */
bool frames_open_mappable(pfn_t first, u64 count)
{
    const u64 end = first.n + count;

    if (end < first.n || end > frames.nr_frames)
        return false;
    for (u64 n = first.n; n < end;) {
        const struct frame *frame =
            n % FRAME_SECTION && n != first.n ? frame_entry(n) : frame_open(PFN(n));

        if (!frame || frame->state < FRAME_BOOT || frame->state == FRAME_TABLE ||
            frame->state == FRAME_BALLOON)
            return false;
        n += frame->order <= FRAME_ORDER_MAX ? 1ull << frame->order : 1;
    }
    return true;
}

u64 frames_free(void)
{
    return READ_ONCE(frames.free);
}

u64 frames_total(void)
{
    return frames.total;
}

int frames_largest_order(void)
{
    for (int order = FRAME_ORDER_MAX; order >= 0; order--)
        if (frames.lists[ZONE_LOW][order] || frames.lists[ZONE_HIGH][order])
            return order;
    return -1;
}
