/* SPDX-License-Identifier: MIT */
/*
 * The start of memory management (mm_init). Before the allocator exists, frames are taken from the
 * top of RAM, because the boot's own mappings are at its bottom:
 *
 *   1. List the RAM, and the parts of it that the image, modules and Xen's tables do not occupy.
 *   2. Ask the platform what its page tables can do (the op mmu_init).
 *   3. Take frames for the table of frames, section by section.
 *   4. Count the kernel's page tables, take frames for them, build and install them.
 *   5. Give the unused frames to the allocator, and what the boot's page tables took too.
 *
 * Next: frame.c for frames, pagetable.c for mappings.
 */
#include "lib/phys_window.h"
#include "mm/balloon.h"
#include "mm/frame.h"
#include "mm/mm.h"
#include "mm/space.h"

/* Each module, and each early allocation that does not end where a piece does, cuts one in two. */
#define UNUSED_MAX (BOOT_REGIONS_MAX + BOOT_MODULES_MAX + 32)

/* Written: by mm_init, on one CPU; so are those below. */
struct pv_mmu_traits mm_traits;
struct mm_left_out mm_left_out;
u64 mm_ram_frames;

/* Written: by mm_init. */
static struct frame_range ram[BOOT_REGIONS_MAX];
static u32 nr_ram;
static struct frame_range unused[UNUSED_MAX]; /* the parts of ram not in use; some are empty */
static u32 nr_unused;

static void add_unused(u64 start, u64 end)
{
    if (nr_unused < UNUSED_MAX)
        unused[nr_unused++] = (struct frame_range){.start = start, .end = end};
    else
        mm_left_out.scattered += end - start;
}

static void find_ram(const struct boot_info *boot)
{
    for (u32 i = 0; i < boot->nr_regions; i++) {
        const struct boot_region *r = &boot->regions[i];
        const bool absent = r->type == BOOT_ABSENT;
        const u64 start = r->base >> PAGE_SHIFT, all = (r->base + r->size) >> PAGE_SHIFT;
        const u64 end = MIN(all, MM_RAM_LIMIT >> PAGE_SHIFT);

        if (r->type != BOOT_RAM && !absent)
            continue;
        if (!absent)
            mm_left_out.far += all - MIN(all, MAX(start, end));
        if (start >= end)
            continue;
        ram[nr_ram++] = (struct frame_range){start, end, absent};
        mm_ram_frames += end - start;
        if (!absent)
            add_unused(start, end);
    }
}

/* Take the frames [start, end) out of unused[]. */
static void reserve(u64 start, u64 end)
{
    for (u32 i = nr_unused; i-- > 0;) {
        struct frame_range *r = &unused[i];
        const u64 old_end = r->end;

        if (start >= old_end || end <= r->start)
            continue;
        r->end = MAX(start, r->start);
        if (end < old_end)
            add_unused(end, old_end);
    }
}

static void reserve_bytes(u64 base, u64 size)
{
    if (size)
        reserve(base >> PAGE_SHIFT, ALIGN_UP(base + size, PAGE_SIZE) >> PAGE_SHIFT);
}

bool mm_unused(u64 start, u64 end)
{
    for (u32 i = 0; i < nr_unused; i++)
        if (unused[i].start <= start && end <= unused[i].end)
            return true;
    return false;
}

/*
 * Reserve what the loader and Xen have put into RAM. From 0 on, because the first MiB is the
 * firmware's, and other CPUs start there.
 */
static void reserve_boot_memory(const struct boot_info *boot)
{
    reserve_bytes(0, boot->first_free_pa);
    for (u32 i = 0; i < boot->nr_modules; i++)
        reserve_bytes(boot->modules[i].base, boot->modules[i].size);
    reserve_bytes(boot->xen_pv.first_p2m_pfn << PAGE_SHIFT,
                  boot->xen_pv.nr_p2m_frames << PAGE_SHIFT);
    if (boot->xen_pv.grown_p2m_pa)
        reserve_bytes(boot->xen_pv.grown_p2m_pa, boot->xen_pv.most_pages * sizeof(u64));
}

/* Take the highest count contiguous frames below limit. Return the first, or 0 for failure. */
static u64 early_alloc(u64 count, u64 limit)
{
    u64 found = 0;

    for (u32 i = 0; i < nr_unused; i++)
        if (unused[i].start + count <= MIN(unused[i].end, limit))
            found = MAX(found, MIN(unused[i].end, limit) - count);
    reserve(found, found ? found + count : 0);
    return found;
}

/* Return the frame after the last one of RAM; ram[] is sorted. */
static u64 top_of_ram(void)
{
    return nr_ram ? ram[nr_ram - 1].end : 0;
}

/* Return how many of the frames [start, end) are RAM. */
static u64 ram_between(u64 start, u64 end)
{
    u64 sum = 0;

    for (u32 i = 0; i < nr_ram; i++)
        if (ram[i].start < end && start < ram[i].end)
            sum += MIN(ram[i].end, end) - MAX(ram[i].start, start);
    return sum;
}

/*
 * Give the sections [first, end) their part of the table of frames. Returns false if there is no
 * room for it, or if they hold not more RAM than it takes.
 */
static bool make_frame_table(u64 first, u64 end)
{
    const u64 pages = (end - first) * FRAME_SECTION * sizeof(struct frame) >> PAGE_SHIFT;
    u64 table;

    if (ram_between(first << FRAME_SECTION_SHIFT, end << FRAME_SECTION_SHIFT) <= pages)
        return false;
    table = early_alloc(pages, top_of_ram());
    if (table)
        frame_tables_add(first, end - first, pfn_to_va(PFN(table)));
    return table != 0;
}

/* Leave out the end of a range of RAM, from start on, which gets no part of the table of frames. */
static void leave_out(struct frame_range *r, u64 start)
{
    if (r->absent) {
        mm_ram_frames -= r->end - start;
        r->end = start;
        return;
    }
    mm_left_out.scattered += r->end - start;
    reserve(start, r->end);
}

/* Give all sections with RAM their part of the table of frames; leave out RAM that gets none. */
static void make_frame_tables(void)
{
    u64 next = 0; /* the first section that has no table yet */

    frame_tables_clear();
    for (u32 i = 0; i < nr_ram; i++) {
        const u64 first = MAX(ram[i].start >> FRAME_SECTION_SHIFT, next);
        const u64 end = ALIGN_UP(ram[i].end, FRAME_SECTION) >> FRAME_SECTION_SHIFT;
        const u64 start = MAX(ram[i].start, first << FRAME_SECTION_SHIFT);

        if (first >= end)
            continue;
        if (make_frame_table(first, end)) {
            next = end;
            continue;
        }
        leave_out(&ram[i], start);
    }
}

/* Record that the frames [start, end) are page tables that are never freed. */
static void mark_tables(u64 start, u64 end)
{
    for (; start < end; start++) {
        struct frame *frame = frame_open(PFN(start));

        frame->state = FRAME_TABLE;
        frame->used = FRAME_PERMANENT;
    }
}

const char *mm_init(const struct boot_info *boot)
{
    static struct pv_kernel_tables tables; /* Written: here, once */
    u64 first, count;
    const char *error;

    find_ram(boot);
    reserve_boot_memory(boot);
    pv_mmu_init(boot, &mm_traits);
    make_frame_tables();
    count = kernel_tables_count(boot);
    first = early_alloc(count, mm_traits.table_high.n);
    if (!first)
        return "no contiguous RAM for the kernel's page tables; give the machine more memory";
    kernel_tables_build(PFN(first), &tables);
    error = pv_install_tables(&tables); /* from here on the boot's are gone */
    if (error)
        return error;
    mm_kernel_init(tables.root);
    frame_init(top_of_ram(), ram, nr_ram, unused, nr_unused);
    mark_tables(first, first + count);
    if (tables.nr_freed)
        frame_release_boot(tables.freed, tables.nr_freed);
    mm_balloon_init(ram, nr_ram);
    return NULL;
}

const void *phys_to_va(u64 pa, u64 len)
{
    struct mm_mapping m;

    if (!fits(pa, len, VMAP_BASE - DIRECT_MAP))
        return NULL;
    for (u64 at = ALIGN_DOWN(pa, PAGE_SIZE); at < pa + len; at += PAGE_SIZE)
        if (!mm_query(&mm_kernel, DIRECT_MAP + at, &m))
            return NULL;
    return (const void *)(DIRECT_MAP + pa);
}
