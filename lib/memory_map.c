/* SPDX-License-Identifier: MIT */
/*
 * The memory map (lib/memory_map.h): from a loader's list of regions, in any order and overlapping,
 * to a list that the kernel can rely on.
 *
 * While regions are added the map is a list of marks in the order of addresses. From one mark to
 * the next all bytes have the type of the first, 0 where no region was named. A region is added by
 * a mark at both of its ends, and by raising the types in between:
 *
 *     marks        0: none    1 M: RAM                      8 M: none
 *     add reserved [2 M, 3 M)
 *     marks        0: none    1 M: RAM   2 M: res.   3 M: RAM   8 M: none
 *
 * Neighbours of the same type become one. Only BOOT_REGIONS_MAX regions fit: make_room forgets RAM
 * or joins reserved regions, so that no byte counts as RAM that is not.
 */
#include "lib/memory_map.h"

#include "lib/address_map.h"
#include "lib/string.h"

#define ROOM_AFTER_IMAGE MIB(1) /* for what the kernel allocates first */

/* Return the index of the mark at pa, adding it if it is missing; nr_marks for BOOT_PA_MAX. */
static u32 mark_at(struct boot_map *map, u64 pa)
{
    u32 i = map->nr_marks;

    if (pa == BOOT_PA_MAX)
        return i;
    while (map->marks[i - 1].base > pa)
        i--;
    if (map->marks[i - 1].base == pa)
        return i - 1;
    memmove(&map->marks[i + 1], &map->marks[i], (map->nr_marks - i) * sizeof(map->marks[0]));
    map->marks[i] = (struct boot_mark){pa, map->marks[i - 1].type};
    map->nr_marks++;
    return i;
}

/* Remove marks that do not change the type. Return the number of regions. */
static u32 merge_marks(struct boot_map *map)
{
    u32 kept = 1, regions = map->marks[0].type != 0;

    for (u32 i = 1; i < map->nr_marks; i++)
        if (map->marks[i].type != map->marks[kept - 1].type) {
            regions += map->marks[i].type != 0;
            map->marks[kept++] = map->marks[i];
        }
    map->nr_marks = kept;
    return regions;
}

static u64 end_of_mark(const struct boot_map *map, u32 i)
{
    return i + 1 < map->nr_marks ? map->marks[i + 1].base : BOOT_PA_MAX;
}

static u64 size_of_mark(const struct boot_map *map, u32 i)
{
    return end_of_mark(map, i) - map->marks[i].base;
}

static bool overlaps(u64 base, u64 end, u64 other_base, u64 other_end)
{
    return base < other_end && other_base < end;
}

/* Return whether the region at mark i holds part of the image, of the room after it, or a module.
 */
static bool holds_loaded(const struct boot_info *bi, u32 i)
{
    const u64 base = bi->map.marks[i].base, end = end_of_mark(&bi->map, i);

    if (bi->first_free_pa &&
        overlaps(base, end, BOOT_IMAGE_BASE, bi->first_free_pa + ROOM_AFTER_IMAGE))
        return true;
    for (u32 k = 0; k < bi->nr_modules; k++) {
        const struct boot_module *m = &bi->modules[k];

        if (overlaps(base, end, ALIGN_DOWN(m->base, PAGE_SIZE),
                     ALIGN_UP(m->base + m->size, PAGE_SIZE)))
            return true;
    }
    return false;
}

static u32 count_ram(const struct boot_map *map)
{
    u32 count = 0;

    for (u32 i = 0; i < map->nr_marks; i++)
        count += map->marks[i].type == BOOT_RAM;
    return count;
}

/*
 * Return the smallest region of RAM, or nr_marks if there is not any. A region that the loader has
 * filled counts only if loaded_too.
 */
static u32 smallest_ram(const struct boot_info *bi, bool loaded_too)
{
    const struct boot_map *map = &bi->map;
    u32 found = map->nr_marks;

    for (u32 i = 0; i < map->nr_marks; i++)
        if (map->marks[i].type == BOOT_RAM &&
            (found == map->nr_marks || size_of_mark(map, i) < size_of_mark(map, found)) &&
            (loaded_too || !holds_loaded(bi, i)))
            found = i;
    return found;
}

/*
 * Find the two regions, neither of them RAM, that are closest to each other, with nothing or a hole
 * between them. Return the first, and the other in *second; nr_marks if there are not two.
 */
static u32 closest_pair(const struct boot_map *map, u32 *second)
{
    u32 found = map->nr_marks;
    u64 least = BOOT_PA_MAX;

    for (u32 i = 0; i + 1 < map->nr_marks; i++) {
        const bool hole = map->marks[i + 1].type == 0;
        const u32 next = i + 1 + hole;
        const u64 gap = hole ? size_of_mark(map, i + 1) : 0;

        if (map->marks[i].type > BOOT_RAM && next < map->nr_marks &&
            map->marks[next].type > BOOT_RAM && gap < least) {
            found = i;
            *second = next;
            least = gap;
        }
    }
    return found;
}

/* Return the type of two regions, neither of them RAM, and of what is between them, once joined. */
static u32 joined_type(u32 one, u32 other)
{
    const u32 type = MAX(one, other);

    return type == BOOT_ABSENT ? BOOT_UNUSABLE : type;
}

/*
 * Reduce the number of regions by one. If more than half of them are not RAM, join the two of those
 * that are closest, and what is between them. Else forget the smallest region of RAM, and one that
 * holds the image or a module only if there is no other.
 */
static void make_room(struct boot_info *bi)
{
    struct boot_map *map = &bi->map;
    u32 second = 0, ram;
    const u32 pair = closest_pair(map, &second);

    if (pair < map->nr_marks && count_ram(map) <= BOOT_REGIONS_MAX / 2) {
        const u32 type = joined_type(map->marks[pair].type, map->marks[second].type);

        for (u32 i = pair; i <= second; i++)
            map->marks[i].type = type;
        map->joined++;
        return;
    }
    ram = smallest_ram(bi, false);
    if (ram == map->nr_marks)
        ram = smallest_ram(bi, true);
    map->ram_left_out += size_of_mark(map, ram);
    map->marks[ram].type = 0;
}

/* Give all bytes of the region at least this type. */
static void raise_types(struct boot_info *bi, u64 base, u64 size, u32 type)
{
    struct boot_map *map = &bi->map;
    u32 first, last;

    if (base >= BOOT_PA_MAX || size == 0)
        return;
    if (!map->nr_marks) {
        map->marks[0] = (struct boot_mark){0, 0}; /* a hole begins at 0 */
        map->nr_marks = 1;
    }
    first = mark_at(map, base);
    last = mark_at(map, base + MIN(size, BOOT_PA_MAX - base));
    for (u32 i = first; i < last; i++)
        map->marks[i].type = MAX(map->marks[i].type, type);
    while (merge_marks(map) > BOOT_REGIONS_MAX)
        make_room(bi);
}

void boot_add_region(struct boot_info *bi, u64 base, u64 size, u32 type)
{
    if (type < BOOT_RAM || type > BOOT_UNUSABLE)
        type = BOOT_RESERVED;
    raise_types(bi, base, size, type);
}

void boot_add_shared(struct boot_info *bi, u64 base, u64 size)
{
    raise_types(bi, base, size, BOOT_SHARED);
}

void boot_add_devices(struct boot_info *bi, u64 base, u64 size)
{
    raise_types(bi, base, size, BOOT_DEVICES);
}

void boot_add_absent(struct boot_info *bi, u64 first, u64 end)
{
    const u64 size = (end - first) * PAGE_SIZE;
    u64 most;

    raise_types(bi, first * PAGE_SIZE, size, BOOT_UNUSABLE);
    most = BOOT_GROWTH_MAX * boot_ram_frames(bi) * PAGE_SIZE;
    raise_types(bi, first * PAGE_SIZE, MIN(size, most), BOOT_ABSENT);
}

bool boot_is_ram(const struct boot_info *bi, u64 pa)
{
    u32 i = bi->map.nr_marks;

    while (i && bi->map.marks[i - 1].base > pa)
        i--;
    return i && bi->map.marks[i - 1].type == BOOT_RAM;
}

/* Return the whole frames of RAM of the region at mark i: [*first, *end), which may be empty. */
static u64 ram_frames_of_mark(const struct boot_map *map, u32 i, u64 *first, u64 *end)
{
    *first = ALIGN_UP(map->marks[i].base, PAGE_SIZE) / PAGE_SIZE;
    *end = end_of_mark(map, i) / PAGE_SIZE;
    return map->marks[i].type == BOOT_RAM && *end > *first ? *end - *first : 0;
}

u64 boot_ram_frames(const struct boot_info *bi)
{
    u64 first, end, sum = 0;

    for (u32 i = 0; i < bi->map.nr_marks; i++)
        sum += ram_frames_of_mark(&bi->map, i, &first, &end);
    return sum;
}

bool boot_top_ram(const struct boot_info *bi, u64 *first, u64 *end)
{
    for (u32 i = bi->map.nr_marks; i-- > 0;)
        if (ram_frames_of_mark(&bi->map, i, first, end))
            return true;
    return false;
}

bool boot_has_regions(const struct boot_info *bi)
{
    return bi->map.nr_marks > 0;
}

void boot_forget_regions(struct boot_info *bi)
{
    bi->map.nr_marks = 0;
    bi->map.joined = 0;
    bi->map.ram_left_out = 0;
}

const char *boot_memory_finish(struct boot_info *bi)
{
    const struct boot_map *map = &bi->map;
    bool has_ram = false;

    bi->nr_regions = 0;
    for (u32 i = 0; i < map->nr_marks; i++) {
        const enum boot_region_type type = map->marks[i].type;
        u64 base = map->marks[i].base, end = end_of_mark(map, i);

        if (type == BOOT_RAM) {
            base = ALIGN_UP(base, PAGE_SIZE);
            end = ALIGN_DOWN(end, PAGE_SIZE);
        }
        if (!type || base >= end)
            continue;
        bi->regions[bi->nr_regions++] = (struct boot_region){base, end - base, type};
        has_ram |= type == BOOT_RAM;
    }
    return has_ram ? NULL : "not one whole page of RAM; give the machine more memory";
}

static bool in_one_ram_region(const struct boot_info *bi, u64 base, u64 end)
{
    for (u32 i = 0; i < bi->nr_regions; i++) {
        const struct boot_region *r = &bi->regions[i];

        if (r->type == BOOT_RAM && base >= r->base && end <= r->base + r->size)
            return true;
    }
    return false;
}

/* Return whether the module is in RAM and outside of the image; one without bytes always is. */
static bool module_is_valid(const struct boot_info *bi, const struct boot_module *m,
                            u64 image_end_pa)
{
    const u64 base = ALIGN_DOWN(m->base, PAGE_SIZE), end = ALIGN_UP(m->base + m->size, PAGE_SIZE);

    return !m->size || (in_one_ram_region(bi, base, end) &&
                        !overlaps(m->base, m->base + m->size, BOOT_IMAGE_BASE, image_end_pa));
}

void boot_drop_modules(struct boot_info *bi, u64 image_end_pa)
{
    u32 kept = 0;

    for (u32 i = 0; i < bi->nr_modules; i++)
        if (module_is_valid(bi, &bi->modules[i], image_end_pa))
            bi->modules[kept++] = bi->modules[i];
    bi->modules_left_off += bi->nr_modules - kept;
    bi->nr_modules = kept;
}
