/*
 * The kernel's own page tables, built before there is an allocator or a direct map: every table is
 * filled in a buffer here and copied to its frame by the op early_map. What shall lie where is
 * listed first, in segments; the rest is a walk over all addresses, in the largest leaves that
 * fit.
 *
 *   text               read, execute
 *   constants          read
 *   data               read, write; but no page under a stack (struct pv_guards)
 *   direct map         RAM: read, write; the image's text and constants: read; and below 4 GiB
 *                      ACPI's tables: read; devices and reserved regions: read, write, uncached
 *   vmap, fixmap       the tables that they start with, empty
 *
 * There is no identity map, and nothing but text is executable.
 *
 * Where the platform has no large leaves, RAM that nobody uses yet stays out of the direct map
 * until the allocator wants it (kernel_tables_open): a hypervisor that checks every entry would
 * check for a second where there is much RAM. The tables for it are set aside.
 */
#include "mm/mm.h"
#include "lib/string.h"
#include "pv/pv.h"
#include "mm/space.h"

extern const char _text_start[], _text_end[], _rodata_end[], _data_start[], _image_end[];
extern const struct pv_guards _guards_start[], _guards_end[];

/* Accessed and dirty from the start, so that the hardware need not write to these. */
#define LEAF (PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_GLOBAL)

/* Where they overlap, the first one counts. */
/* Written: by kernel_tables_build, at boot on one CPU. */
static struct segment {
    u64 start, end;
    u64 value; /* of the leaf for start, its frame growing from there on; 0: not mapped */
} segments[BOOT_REGIONS_MAX + 6];
static u32 nr_segments;

/*
 * Written: at boot on one CPU. Guarded by: the lock of mm/frame.c after that, under which
 * kernel_tables_open takes tables.
 */
static struct {
    bool write; /* and leave out what is_deferred says; else only count */
    u64 next_table;
    u64 fixmap;
    u64 buffer[PT_LEVELS][PT_ENTRIES];
} b;

static void add(u64 base, u64 start_pa, u64 end_pa, u64 flags)
{
    segments[nr_segments++] =
        (struct segment){base + start_pa, base + end_pa, flags ? start_pa | flags : 0};
}

static u64 region_flags(const struct boot_region *r)
{
    switch (r->type) {
    case BOOT_RAM:
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

    add(VIRT_BASE, text, ALIGN_UP((u64)_text_end, PAGE_SIZE) - VIRT_BASE, LEAF);
    add(VIRT_BASE, text, data, LEAF | PTE_NX);
    add(VIRT_BASE, text, ALIGN_UP((u64)_image_end, PAGE_SIZE) - VIRT_BASE,
        LEAF | PTE_NX | PTE_WRITE);
    /* Nothing is mapped, but the tables of level 3 and 1 shall be there. */
    add(VMAP_BASE, 0, GIB(1), 0);
    add(FIXMAP_BASE, 0, PAGE_SIZE, 0);
    add(DIRECT_MAP, text, data, LEAF | PTE_NX); /* the same frames are not writable here either */
    for (u32 i = 0; i < info->nr_regions; i++) {
        const struct boot_region *r = &info->regions[i];
        const u64 limit = r->type == BOOT_RAM ? VMAP_BASE - DIRECT_MAP : GIB(4);

        if (r->base < limit)
            add(DIRECT_MAP, ALIGN_DOWN(r->base, PAGE_SIZE),
                ALIGN_UP(MIN(r->base + r->size, limit), PAGE_SIZE), region_flags(r));
    }
}

/*
 * The value of the leaf that shall map va, 0 for none; up to *next it goes on like that. The last
 * address is followed by 0, and all differences are right.
 */
static u64 value_at(u64 va, u64 *next)
{
    *next = 0;
    for (const struct segment *s = segments; s < segments + nr_segments; s++) {
        const bool before = va < s->start;

        if (va < s->end && (before ? s->start : s->end) - 1 < *next - 1)
            *next = before ? s->start : s->end;
        if (va < s->end && !before)
            return s->value ? s->value + (va - s->start) : 0;
    }
    return 0;
}

/* In a table of level 1 that begins at base. */
static void leave_out_guards(u64 *table, u64 base)
{
    for (const struct pv_guards *g = _guards_start; g < _guards_end; g++)
        for (u64 va = g->first, n = g->count; n; n--, va += g->stride)
            if (va - base < pt_span(2))
                table[pt_index(va, 1)] = 0;
}

/*
 * Is the entry of level 2 for va, where value goes on for run bytes, for RAM that nobody uses? It
 * can be mapped when somebody will. Large leaves need no table, so they are not put off.
 */
static bool is_deferred(u64 va, u64 value, u64 run)
{
    const u64 pfn = value_pfn(value).n;

    return !(mm_traits.leaf_levels >> 2 & 1) && run >= pt_span(2) && va < VMAP_BASE &&
           value & PTE_WRITE && !(value & PTE_UNCACHED) && mm_unused(pfn, pfn + PT_ENTRIES);
}

static u64 build(int level, u64 base);

static u64 canonical(u64 va)
{
    return va >= USER_END ? va | ~(USER_END - 1) : va;
}

/* Fills entries from slot on, at most left, and returns how many. Large leaves are for the direct
 * map: the image has guard pages. */
static u32 build_entry(int level, u64 va, u64 *slot, u32 left)
{
    const u64 span = pt_span(level);
    u64 next, value = value_at(va, &next), run = next - va;

    if (level == 1) {
        const u32 count = (u32)MIN(run / PAGE_SIZE, left);

        if (value && b.write)
            pv_init_ptes((pte_t *)slot, value, count);
        return count;
    }
    if (run >= span && !value)
        return 1;
    if (run >= span && va < VMAP_BASE && mm_traits.leaf_levels >> level & 1) {
        *slot = entry_raw(level, value | PTE_PSE);
        return 1;
    }
    if (level == 2 && b.write && is_deferred(va, value, run))
        return 1;
    *slot = entry_raw(level, pte_value(PFN(build(level - 1, va)), TABLE_FLAGS));
    return 1;
}

/* Returns the frame of the table, which maps the addresses from base on. The root is built last. */
static u64 build(int level, u64 base)
{
    u64 *table = b.buffer[level - 1], pfn;

    memset(table, 0, PAGE_SIZE);
    for (u32 i = 0; i < PT_ENTRIES;)
        i += build_entry(level, canonical(base + i * pt_span(level)), &table[i], PT_ENTRIES - i);
    if (level == 1)
        leave_out_guards(table, base);
    if (level == 1 && base == FIXMAP_BASE)
        b.fixmap = b.next_table;
    if (level == PT_LEVELS)
        b.next_table = ALIGN_UP(b.next_table, mm_traits.root_pages);
    pfn = b.next_table;
    b.next_table += level == PT_LEVELS ? mm_traits.root_pages : 1;
    if (b.write)
        memcpy(pv_early_map(PFN(pfn)), table, PAGE_SIZE);
    return pfn;
}

/* The first frame may want one more for the root's alignment than a count from 0 does. */
u64 kernel_tables_count(const struct boot_info *info)
{
    list_segments(info);
    build(PT_LEVELS, 0);
    return b.next_table + mm_traits.root_pages - 1;
}

void kernel_tables_build(pfn_t first, struct pv_kernel_tables *t)
{
    b.write = true;
    b.next_table = first.n;
    t->root = PFN(build(PT_LEVELS, 0));
    t->fixmap = PFN(b.fixmap);
    t->first_table = first;
    t->nr_tables = b.next_table - first.n;
}

void kernel_tables_open(pfn_t first, u64 count)
{
    const u64 end = (u64)pfn_to_va(PFN(first.n + count));

    for (u64 va = (u64)pfn_to_va(first); va < end; va += pt_span(2)) {
        const pfn_t table = PFN(b.next_table);
        u64 next, value = value_at(va, &next);

        if (!is_deferred(va, value, next - va))
            continue;
        b.next_table++;
        pv_init_ptes(pfn_to_va(table), value, PT_ENTRIES);
        pv_announce_table(table, 1);
        pv_set_pmd((pmd_t *)mm_slot(&mm_kernel, va, 2), pv_make_pmd(pte_value(table, TABLE_FLAGS)));
    }
    pv_lazy_flush();
}
