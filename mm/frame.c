/*
 * See mm/frame.h. Invariants: a free block's first frame is in exactly one list, that of its zone
 * and order; two free buddies of one order do not exist (they are merged), except across sections
 * that are not open yet. A section is 32 MiB of frames; its part of the table is filled in, and of
 * the direct map, when it is opened, so that a machine with much memory starts as fast as one with
 * little.
 */
#include "mm/frame.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "pv/pv.h"
#include "pv/spinlock.h"

enum {
    ZONE_LOW,
    ZONE_HIGH,
    NR_ZONES,

    NR_ORDERS = FRAME_ORDER_MAX + 1,
    SECTIONS_MAX = 16384, /* 512 GiB, as much as the direct map has room for */

    POISON = 0xa5,
};

/* Whoever holds the lock may use a section that is being filled in; all others one that is ready.
 */
enum section {
    SECTION_CLOSED,
    SECTION_FILLING,
    SECTION_READY,
};

#define LOW_FRAMES (GIB(4) >> PAGE_SHIFT)

bool frame_debug; /* Written: by tests, while no other CPU allocates */

/*
 * Guarded by: lock. frame_get and frames_mappable look at tables, nr_frames and sections without
 * it: the first two are complete at boot, and a section that is SECTION_READY was so from then on.
 * A frame's own struct belongs to the owner of the frame.
 */
static struct spinlock lock = SPINLOCK("frames");
static struct frame *tables[SECTIONS_MAX]; /* NULL for a section without RAM */
static struct {
    u64 nr_frames;
    const struct frame_range *ram, *unused;
    u32 nr_ram, nr_unused;
    u64 total, free;
    u32 lists[NR_ZONES][NR_ORDERS];
    u8 sections[SECTIONS_MAX]; /* enum section */
} f;

/* Return the entry of a frame whose section has a table. */
static struct frame *entry(u64 pfn)
{
    return &tables[pfn >> FRAME_SECTION_SHIFT][pfn & (FRAME_SECTION - 1)];
}

static int zone_of(u64 pfn)
{
    return pfn < LOW_FRAMES ? ZONE_LOW : ZONE_HIGH;
}

void frame_push(u32 *list, pfn_t pfn)
{
    struct frame *frame = entry(pfn.n);

    frame->prev = 0;
    frame->next = *list;
    if (*list)
        entry(*list)->prev = (u32)pfn.n;
    *list = (u32)pfn.n;
}

void frame_drop(u32 *list, pfn_t pfn)
{
    const struct frame *frame = entry(pfn.n);

    if (frame->prev)
        entry(frame->prev)->next = frame->next;
    else
        *list = frame->next;
    if (frame->next)
        entry(frame->next)->prev = frame->prev;
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

/* lists: of the block's zone. */
static void add_block(u32 *lists, u64 pfn, u32 order)
{
    entry(pfn)->state = FRAME_FREE;
    entry(pfn)->order = (u8)order;
    frame_push(&lists[order], PFN(pfn));
}

static bool is_free_block(u64 pfn, u32 order)
{
    return pfn < f.nr_frames && f.sections[pfn >> FRAME_SECTION_SHIFT] &&
           entry(pfn)->state == FRAME_FREE && entry(pfn)->order == order;
}

/* Adds a block to the free ones, merged with its buddy as often as that is free too. */
static void insert(u64 pfn, u32 order)
{
    u32 *lists = f.lists[zone_of(pfn)];

    for (; order < FRAME_ORDER_MAX; order++) {
        const u64 buddy = pfn ^ (1ull << order);

        if (!is_free_block(buddy, order))
            break;
        frame_drop(&lists[order], PFN(buddy));
        entry(MAX(pfn, buddy))->order = FRAME_TAIL;
        pfn = MIN(pfn, buddy);
    }
    add_block(lists, pfn, order);
}

/* Each as a block of this order, or as FRAME_TAIL. */
static void set_state(u64 start, u64 end, enum frame_state state, u8 order)
{
    for (; start < end; start++) {
        entry(start)->state = (u8)state;
        entry(start)->order = order;
    }
}

/* Frees [start, end) in the largest blocks that it is made of. */
static void insert_range(u64 start, u64 end)
{
    set_state(start, end, FRAME_FREE, FRAME_TAIL);
    while (start < end) {
        u32 order = (u32)__builtin_ctzll(start | 1ull << FRAME_ORDER_MAX);

        while (start + (1ull << order) > end)
            order--;
        insert(start, order);
        start += 1ull << order;
    }
}

static void open_section(u64 section)
{
    const u64 start = section << FRAME_SECTION_SHIFT;
    const u64 end = MIN(start + FRAME_SECTION, f.nr_frames);

    memset(entry(start), 0, (end - start) * sizeof(struct frame));
    f.sections[section] = SECTION_FILLING;
    kernel_tables_open(PFN(start), end - start);
    for (u32 i = 0; i < f.nr_ram; i++)
        set_state(MAX(start, f.ram[i].start), MIN(end, f.ram[i].end), FRAME_BOOT, FRAME_TAIL);
    for (u32 i = 0; i < f.nr_unused; i++)
        insert_range(MAX(start, f.unused[i].start), MIN(end, f.unused[i].end));
    __atomic_store_n(&f.sections[section], SECTION_READY, __ATOMIC_RELEASE);
}

/* Opens one more section of this zone, the highest first. */
static bool grow(int zone)
{
    for (u64 s = (f.nr_frames + FRAME_SECTION - 1) >> FRAME_SECTION_SHIFT; s-- > 0;)
        if (tables[s] && !f.sections[s] && zone_of(s << FRAME_SECTION_SHIFT) == zone) {
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
    memset(&f, 0, sizeof(f));
    f.nr_frames = MIN(nr_frames, (u64)SECTIONS_MAX << FRAME_SECTION_SHIFT);
    f.ram = ram;
    f.nr_ram = nr_ram;
    f.unused = unused;
    f.nr_unused = nr_unused;
    for (u32 i = 0; i < nr_unused; i++)
        f.total += MIN(unused[i].end, f.nr_frames) - MIN(unused[i].start, f.nr_frames);
    f.free = f.total;
}

struct frame *frame_get(pfn_t pfn)
{
    const u64 section = pfn.n >> FRAME_SECTION_SHIFT;

    if (pfn.n >= f.nr_frames || !tables[section])
        return NULL;
    if (__atomic_load_n(&f.sections[section], __ATOMIC_ACQUIRE) != SECTION_READY) {
        spin_lock(&lock);
        if (!f.sections[section])
            open_section(section);
        spin_unlock(&lock);
    }
    return entry(pfn.n);
}

/* Takes a block out of a zone and frees what is left of a larger one; PFN_INVALID if it has none.
 */
static pfn_t take(int zone, u32 order)
{
    u32 *lists = f.lists[zone], o = order;
    pfn_t pfn;

    while (o < NR_ORDERS && !lists[o])
        o++;
    if (o == NR_ORDERS)
        return PFN_INVALID;
    pfn = frame_pop(&lists[o]);
    while (o-- > order)
        add_block(lists, pfn.n + (1ull << o), o);
    return pfn;
}

static pfn_t take_or_grow(int zone, u32 order)
{
    pfn_t pfn = take(zone, order);

    while (pfn.n == PFN_INVALID.n && grow(zone))
        pfn = take(zone, order);
    return pfn;
}

static void check_poison(u64 pfn)
{
    const u8 *bytes = pfn_to_va(PFN(pfn));

    for (u64 i = 0; entry(pfn)->poisoned && i < PAGE_SIZE; i++)
        if (bytes[i] != POISON)
            pv_panic("frame_alloc", "frame %llx was written to at offset %llx after it was freed",
                     (unsigned long long)pfn, (unsigned long long)i);
}

static pfn_t take_for(u32 order, u32 flags, enum frame_state owner)
{
    pfn_t pfn;

    spin_lock(&lock);
    pfn = flags & FRAME_LOW ? PFN_INVALID : take_or_grow(ZONE_HIGH, order);
    if (pfn.n == PFN_INVALID.n)
        pfn = take_or_grow(ZONE_LOW, order);
    if (pfn.n != PFN_INVALID.n) {
        set_state(pfn.n, pfn.n + (1ull << order), owner, flags & FRAME_SINGLE ? 0 : FRAME_TAIL);
        if (!(flags & FRAME_SINGLE))
            entry(pfn.n)->order = (u8)order;
        entry(pfn.n)->used = 0;
        WRITE_ONCE(f.free, f.free - (1ull << order));
    }
    spin_unlock(&lock);
    return pfn;
}

pfn_t frame_alloc(u32 order, u32 flags, enum frame_state owner)
{
    const pfn_t pfn = order > FRAME_ORDER_MAX ? PFN_INVALID : take_for(order, flags, owner);

    if (pfn.n == PFN_INVALID.n)
        return pfn;
    for (u64 i = 0; frame_debug && i < 1ull << order; i++)
        check_poison(pfn.n + i);
    if (flags & FRAME_ZEROED)
        memset(pfn_to_va(pfn), 0, PAGE_SIZE << order);
    return pfn;
}

/* Was it allocated as a block of this order, and is it no table that is linked? */
static bool may_be_freed(const struct frame *frame, u32 order)
{
    return frame->state >= FRAME_TABLE && frame->state <= FRAME_USER && frame->order == order &&
           !(frame->state == FRAME_TABLE && frame->used);
}

static void poison(pfn_t first, u32 order)
{
    for (u64 i = 0; i < 1ull << order; i++)
        entry(first.n + i)->poisoned = frame_debug;
    if (frame_debug)
        memset(pfn_to_va(first), POISON, PAGE_SIZE << order);
}

/* Takes it out of its owner's hands; NULL, or what it is instead of a block that was allocated. */
static const char *give_back(pfn_t first, u32 order)
{
    static const char states[][16] = {"not RAM",        "free already", "the boot's",
                                      "a table in use", "the kernel's", "the heap's",
                                      "a user's",       "ballooned"};
    const struct frame *frame = frame_get(first);
    const char *error = NULL;

    if (!frame)
        return "no frame";
    spin_lock(&lock);
    if (may_be_freed(frame, order)) {
        poison(first, order);
        set_state(first.n, first.n + (1ull << order), FRAME_FREE, FRAME_TAIL);
        insert(first.n, order);
        WRITE_ONCE(f.free, f.free + (1ull << order));
    } else {
        error = states[frame->state];
    }
    spin_unlock(&lock);
    return error;
}

void frame_free(pfn_t first, u32 order)
{
    const char *error = give_back(first, order);

    if (error)
        pv_panic("frame_free", "frame %llx is not an allocated block of order %u (%s)",
                 (unsigned long long)first.n, order, error);
}

pfn_t frame_alloc_contiguous(u32 order, u32 address_bits)
{
    const pfn_t pfn = frame_alloc(order, address_bits <= 32 ? FRAME_LOW : 0, FRAME_KERNEL);
    int error;

    if (pfn.n == PFN_INVALID.n)
        return pfn;
    spin_lock(&lock); /* the op wants a caller that is not preemptible */
    error = pv_make_contiguous(pfn, order, address_bits);
    spin_unlock(&lock);
    if (!error)
        return pfn;
    frame_free(pfn, order);
    return PFN_INVALID;
}

void frame_release_boot(pfn_t first, u64 count)
{
    for (u64 n = first.n; n < first.n + count; n++)
        if (frame_get(PFN(n))->state != FRAME_BOOT)
            pv_panic("frame_release_boot", "frame %llx is not the boot's", (unsigned long long)n);
    spin_lock(&lock);
    insert_range(first.n, first.n + count);
    f.free += count;
    f.total += count;
    spin_unlock(&lock);
}

bool frames_mappable(pfn_t first, u64 count)
{
    const u64 end = first.n + count;

    if (end < first.n || end > f.nr_frames)
        return false;
    for (u64 n = first.n; n < end;) {
        const struct frame *frame =
            n % FRAME_SECTION && n != first.n ? entry(n) : frame_get(PFN(n));

        if (!frame || frame->state < FRAME_BOOT || frame->state == FRAME_TABLE ||
            frame->state == FRAME_BALLOON)
            return false;
        n += frame->order <= FRAME_ORDER_MAX ? 1ull << frame->order : 1;
    }
    return true;
}

u64 frames_free(void)
{
    return READ_ONCE(f.free);
}

u64 frames_total(void)
{
    return f.total;
}

int frames_largest_order(void)
{
    for (int order = FRAME_ORDER_MAX; order >= 0; order--)
        if (f.lists[ZONE_LOW][order] || f.lists[ZONE_HIGH][order])
            return order;
    return -1;
}
