/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own page tables: what they map, and how they are built.
 *
 * What they map (lib/address_map.h has the addresses):
 *
 *   the image's text          read, execute
 *   its constants             read
 *   its data                  read, write; not the page below each stack (struct pv_guards)
 *   direct map, RAM           read, write; the frames of the image's text and constants: read
 *   direct map, absent RAM    as RAM, or nothing yet, but the tables that balloon_adjust fills in
 *   direct map, below 4 GiB   ACPI's tables: read
 *                             pages that the toolstack shares: read, write
 *                             devices and reserved regions: read, write, uncached
 *   vmap, fixmap              nothing yet, but the tables to start with
 *
 * W^X: no page is writable and executable. Text is the only thing that is executable, and because
 * its frames are in the direct map too, they are read-only there. There is no identity map, so a
 * NULL pointer faults.
 *
 * How they are built. There is no allocator yet, and the tables in use are the loader's or Xen's,
 * so a table is filled in a buffer here and copied to its frame by the op early_map. list_segments
 * lists what is to be mapped; where segments overlap, the first in the list wins. build_table then
 * goes over all addresses, level by level, and uses the largest leaves that fit. mm_init runs this
 * twice: first only to count the frames that the tables take, then to write them.
 *
 * Deferred parts of the direct map. If the platform has no large leaves (Xen PV), 4 GiB of RAM take
 * 2048 tables, and a hypervisor checks each of their entries: a second for a large machine. So RAM
 * that is unused at boot is left out of the direct map, its tables are counted and set aside, and
 * kernel_tables_open builds them when the allocator opens a section (mm/frame.c).
 *
 * Absent RAM. Where the hardware translates the guest's frame numbers, the direct map may have
 * frames without memory. Where entries hold machine frames (the same platforms that have no large
 * leaves), an absent frame has none yet: its table is built, and its entry is empty.
 */
#include "mm/mm.h"
#include "lib/string.h"
#include "mm/space.h"
#include "pv/pv.h"

extern const char _text_start[], _text_end[], _rodata_end[], _data_start[], _image_end[];
extern const struct pv_guards _guards_start[], _guards_end[];

/* Accessed and dirty from the start, so that the hardware need not write to these. */
#define LEAF (PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_GLOBAL)

/*
 * What is to be mapped at the addresses first to last, both included (the last page of the address
 * space has no end that a u64 could hold). All are on page boundaries.
 *
 * Written: by kernel_tables_count, at boot on one CPU.
 */
static struct segment {
    u64 first, last;
    /*
     * Of the leaf for first; its frame grows with the address. 0: nothing is mapped. Not present:
     * tables are built, and their entries are empty.
     */
    u64 value;
} segments[BOOT_REGIONS_MAX + 6];
static u32 nr_segments;

/*
 * Written: at boot on one CPU. Guarded by: the lock of mm/frame.c after that, under which
 * kernel_tables_open takes tables.
 */
static struct {
    bool write;     /* the second run: write tables, and leave out what is deferred */
    u64 next_table; /* the frame of the next table */
    u64 fixmap;     /* the frame of the table of level 1 for FIXMAP_BASE */
    union pt_slot buffer[PT_LEVELS][PT_ENTRIES];
} builder;

/* ---- What is to be mapped ------------------------------------------------------------------- */

/* Append a segment: the physical addresses [start_pa, end_pa) at base + start_pa. */
static void add_segment(u64 base, u64 start_pa, u64 end_pa, u64 flags)
{
    segments[nr_segments++] =
        (struct segment){base + start_pa, base + end_pa - 1, flags ? start_pa | flags : 0};
}

static bool has_large_leaves(void)
{
    return mm_traits.leaf_levels >> 2 & 1;
}

static u64 region_flags(const struct boot_region *r)
{
    switch (r->type) {
    case BOOT_ABSENT:
        return (has_large_leaves() ? LEAF : 0) | PTE_NX | PTE_WRITE;
    case BOOT_RAM:
    case BOOT_SHARED:
        return LEAF | PTE_NX | PTE_WRITE;
    case BOOT_ACPI:
    case BOOT_NVS:
        return LEAF | PTE_NX;
    case BOOT_RESERVED:
    case BOOT_DEVICES:
        return LEAF | PTE_NX | PTE_WRITE | PTE_UNCACHED;
    default:
        return 0;
    }
}

static void list_segments(const struct boot_info *info)
{
    const u64 text = (u64)_text_start - VIRT_BASE, data = (u64)_data_start - VIRT_BASE;

    add_segment(VIRT_BASE, text, ALIGN_UP((u64)_text_end, PAGE_SIZE) - VIRT_BASE, LEAF);
    add_segment(VIRT_BASE, text, data, LEAF | PTE_NX);
    add_segment(VIRT_BASE, text, ALIGN_UP((u64)_image_end, PAGE_SIZE) - VIRT_BASE,
                LEAF | PTE_NX | PTE_WRITE);
    /* Nothing is mapped here, but the tables above are built: of level 3, and of level 1. */
    add_segment(VMAP_BASE, 0, GIB(1), 0);
    add_segment(FIXMAP_BASE, 0, PAGE_SIZE, 0);
    add_segment(DIRECT_MAP, text, data, LEAF | PTE_NX); /* W^X: before RAM, so it wins */
    for (u32 i = 0; i < info->nr_regions; i++) {
        const struct boot_region *r = &info->regions[i];
        const bool is_ram = r->type == BOOT_RAM || r->type == BOOT_ABSENT;
        const u64 limit = is_ram ? VMAP_BASE - DIRECT_MAP : GIB(4);

        if (r->base < limit)
            add_segment(DIRECT_MAP, ALIGN_DOWN(r->base, PAGE_SIZE),
                        ALIGN_UP(MIN(r->base + r->size, limit), PAGE_SIZE), region_flags(r));
    }
}

/*
 * Return the value of the leaf that is to map va, or 0; *pages is how many pages from va on, va's
 * included, continue in the same way: the frames contiguous, or nothing mapped.
 */
static u64 value_at(u64 va, u64 *pages)
{
    u64 last = ~0ull, value = 0;

    for (const struct segment *s = segments; s < segments + nr_segments; s++) {
        if (va > s->last)
            continue;
        if (va >= s->first) {
            last = MIN(last, s->last);
            value = s->value ? s->value + (va - s->first) : 0;
            break;
        }
        last = MIN(last, s->first - 1);
    }
    *pages = ((last - va) >> PAGE_SHIFT) + 1;
    return value;
}

/*
 * Return whether the entry of level 2 for va, whose value continues for so many pages, is left to
 * kernel_tables_open: it would be a table, and map RAM of the direct map that is unused or absent.
 */
static bool is_deferred(u64 va, u64 value, u64 pages)
{
    const u64 pfn = value_pfn(value).n;

    return !has_large_leaves() && pages >= PT_ENTRIES && va < VMAP_BASE && value & PTE_WRITE &&
           !(value & PTE_UNCACHED) && (!(value & PTE_PRESENT) || mm_unused(pfn, pfn + PT_ENTRIES));
}

/* ---- The tables ----------------------------------------------------------------------------- */

/* Take the guard pages out of the table of level 1 that maps the addresses from base on. */
static void clear_guards(union pt_slot *table, u64 base)
{
    for (const struct pv_guards *g = _guards_start; g < _guards_end; g++)
        for (u64 va = g->first, n = g->count; n; n--, va += g->stride)
            if (va - base < pt_span(2))
                table[pt_index(va, 1)].raw = 0;
}

static u64 canonical(u64 va)
{
    return va >= USER_END ? va | ~(USER_END - 1) : va;
}

static u64 build_table(int level, u64 base);

/*
 * Fill slots of a table of this level, the first of them for va, left of them at most. Return how
 * many were filled. Large leaves are for the direct map only, because the image has guard pages.
 */
static u32 build_slots(int level, u64 va, union pt_slot *slot, u32 left)
{
    const u64 span = pt_span(level) >> PAGE_SHIFT;
    u64 pages, value = value_at(va, &pages);

    if (level == 1) {
        const u32 count = (u32)MIN(pages, left);

        if (value & PTE_PRESENT && builder.write)
            pv_init_ptes(&slot->pte, value, count);
        return count;
    }
    if (pages >= span && !value)
        return 1;
    if (pages >= span && va < VMAP_BASE && mm_traits.leaf_levels >> level & 1) {
        slot->raw = slot_raw(level, value | PTE_PSE);
        return 1;
    }
    if (level == 2 && builder.write && is_deferred(va, value, pages))
        return 1;
    slot->raw = slot_raw(level, pte_value(PFN(build_table(level - 1, va)), TABLE_FLAGS));
    return 1;
}

/*
 * Build the table of this level that maps the addresses from base on, and all tables below it.
 * Return its frame. The frames are taken in the order in which tables are complete: the root last.
 */
static u64 build_table(int level, u64 base)
{
    union pt_slot *table = builder.buffer[level - 1];
    u64 pfn;

    memset(table, 0, PAGE_SIZE);
    for (u32 i = 0; i < PT_ENTRIES;)
        i += build_slots(level, canonical(base + i * pt_span(level)), &table[i], PT_ENTRIES - i);
    if (level == 1)
        clear_guards(table, base);
    if (level == 1 && base == FIXMAP_BASE)
        builder.fixmap = builder.next_table;
    if (level == PT_LEVELS)
        builder.next_table = ALIGN_UP(builder.next_table, mm_traits.root_pages);
    pfn = builder.next_table;
    builder.next_table += level == PT_LEVELS ? mm_traits.root_pages : 1;
    if (builder.write)
        memcpy(pv_early_map(PFN(pfn)), table, PAGE_SIZE);
    return pfn;
}

/* This run counts from frame 0: from another first frame on, the root's alignment may cost more. */
u64 kernel_tables_count(const struct boot_info *info)
{
    list_segments(info);
    build_table(PT_LEVELS, 0);
    return builder.next_table + mm_traits.root_pages - 1;
}

void kernel_tables_build(pfn_t first, struct pv_kernel_tables *t)
{
    builder.write = true;
    builder.next_table = first.n;
    t->root = PFN(build_table(PT_LEVELS, 0));
    t->fixmap = PFN(builder.fixmap);
    t->first_table = first;
    t->nr_tables = builder.next_table - first.n;
}

static void fill_table(pte_t *table, u64 value)
{
    if (value & PTE_PRESENT)
        pv_init_ptes(table, value, PT_ENTRIES);
    else
        memset(table, 0, PAGE_SIZE);
}

/* The deferred tables' frames follow those that kernel_tables_build has used. */
void kernel_tables_open(pfn_t first, u64 count)
{
    const u64 end = (u64)pfn_to_va(PFN(first.n + count));

    for (u64 va = (u64)pfn_to_va(first); va < end; va += pt_span(2)) {
        const pfn_t table = PFN(builder.next_table);
        u64 pages, value = value_at(va, &pages);

        if (!is_deferred(va, value, pages))
            continue;
        builder.next_table++;
        fill_table(pfn_to_va(table), value);
        pv_announce_table(table, 1);
        pv_set_pmd(&mm_slot(&mm_kernel, va, 2)->pmd, pv_make_pmd(pte_value(table, TABLE_FLAGS)));
    }
    pv_lazy_flush();
}
