/*
 * The kernel's own page tables, built before there is an allocator or a direct map: every table is
 * filled in a buffer here and copied to its frame by the op early_map. What shall lie where is said
 * by one function, value_at; the rest is a walk over all addresses, in the largest leaves that fit.
 *
 *   text               read, execute
 *   constants          read
 *   data               read, write; but no page under a stack (struct pv_guards)
 *   direct map         RAM: read, write; the image's text and constants, and ACPI's tables: read;
 *                      what the memory map calls reserved below 4 GiB: read, write, uncached
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
#include "mm/pagetable.h"
#include "mm/space.h"

extern const char _text_start[], _text_end[], _rodata_start[], _rodata_end[], _data_start[],
    _image_end[];
extern const struct pv_guards _guards_start[], _guards_end[];

#define IMAGE_START ((u64)_text_start)
#define IMAGE_END   ALIGN_UP((u64)_image_end, PAGE_SIZE)
#define IMAGE_RO    (ALIGN_UP((u64)_rodata_end, PAGE_SIZE))

/* Accessed and dirty from the start, so that the hardware need not write to these. */
#define LEAF (PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_GLOBAL)

static struct {
    const struct boot_info *info;
    bool write; /* else only count */
    bool defer; /* leave out what is_later says */
    u64 next_table;
    u64 spare; /* the next table for what was left out */
    u64 fixmap;
    u64 buffer[PT_LEVELS][PT_ENTRIES];
} b;

/* The first guard page that does not lie below va. */
static u64 next_guard(u64 va)
{
    u64 next = ~0ull;

    for (const struct pv_guards *g = _guards_start; g < _guards_end; g++)
        for (u32 i = 0; i < g->count; i++)
            if (g->first + i * g->stride >= va)
                next = MIN(next, g->first + i * g->stride);
    return next;
}

/* *next as for value_at. */
static u64 image_at(u64 va, u64 *next)
{
    const u64 text_end = ALIGN_UP((u64)_text_end, PAGE_SIZE), data = (u64)_data_start;
    const u64 guard = next_guard(va);
    u64 flags = LEAF | PTE_NX;

    *next = IMAGE_END;
    if (va < text_end) {
        *next = text_end;
        flags &= ~PTE_NX;
    } else if (va < data) {
        *next = data;
    } else {
        flags |= PTE_WRITE;
    }
    if (guard == va) {
        *next = va + PAGE_SIZE;
        return 0;
    }
    *next = MIN(*next, guard);
    return (va - VIRT_BASE) | flags;
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
        return r->base + r->size <= GIB(4) ? LEAF | PTE_NX | PTE_WRITE | PTE_UNCACHED : 0;
    default:
        return 0;
    }
}

/* In the direct map; *next as for value_at, but physical. Regions are sorted (boot_memory_finish).
 */
static u64 direct_at(u64 pa, u64 *next)
{
    const u64 ro_start = IMAGE_START - VIRT_BASE, ro_end = IMAGE_RO - VIRT_BASE;

    for (u32 i = 0; i < b.info->nr_regions; i++) {
        const struct boot_region *r = &b.info->regions[i];
        const u64 start = ALIGN_DOWN(r->base, PAGE_SIZE),
                  end = ALIGN_UP(r->base + r->size, PAGE_SIZE);
        u64 flags = region_flags(r);

        if (pa < start) {
            *next = start;
            return 0;
        }
        if (pa >= end)
            continue;
        *next = end;
        if (pa < ro_start)
            *next = MIN(end, ro_start);
        else if (pa < ro_end)
            *next = MIN(end, ro_end);
        if (pa >= ro_start && pa < ro_end)
            flags &= ~PTE_WRITE;
        return flags ? pa | flags : 0;
    }
    *next = VMAP_BASE - DIRECT_MAP;
    return 0;
}

/*
 * The value of the leaf that shall map va, 0 for none; up to *next it goes on like that. The last
 * address is followed by 0, and all differences are right.
 */
static u64 value_at(u64 va, u64 *next)
{
    u64 value = 0;

    if (va < DIRECT_MAP) {
        *next = DIRECT_MAP;
    } else if (va < VMAP_BASE) {
        value = direct_at(va - DIRECT_MAP, next);
        *next = MIN(*next, VMAP_BASE - DIRECT_MAP) + DIRECT_MAP;
    } else if (va < IMAGE_START) {
        *next = IMAGE_START;
    } else if (va < IMAGE_END) {
        value = image_at(va, next);
    } else {
        *next = 0;
    }
    return value;
}

/* Empty tables that shall be there from the start: later nothing above them need ever change. */
static bool is_wanted(u64 va, int level)
{
    const u64 last = va + pt_span(level) - 1;

    if (level == PT_LEVELS)
        return va == VMAP_BASE;
    return va <= FIXMAP_BASE && FIXMAP_BASE <= last;
}

/* Is this entry for RAM that nobody uses, which can be mapped when somebody will? */
static bool is_later(u64 va, int level, u64 value)
{
    const u64 pfn = value_pfn(value).n;

    return b.defer && level == 2 && va < VMAP_BASE && value & PTE_WRITE &&
           !(value & PTE_UNCACHED) && !mm_reserved(pfn, pfn + PT_ENTRIES);
}

static u64 build(int level, u64 base);

static u64 canonical(u64 va)
{
    return va >= USER_END ? va | ~(USER_END - 1) : va;
}

/* Fills entries from slot on, at most left, and returns how many. */
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
    if (run >= span && !value && !is_wanted(va, level))
        return 1;
    if (run >= span && value && mm_traits.leaf_levels >> level & 1 &&
        !(value_pfn(value).n << PAGE_SHIFT & (span - 1))) {
        *slot = entry_raw(level, value | PTE_LARGE);
        return 1;
    }
    if (run >= span && is_later(va, level, value))
        return 1;
    value = pte_value(PFN(build(level - 1, va)), TABLE_FLAGS);
    if (b.write)
        *slot = entry_raw(level, value);
    return 1;
}

/* Returns the frame of the table, which maps the addresses from base on. */
static u64 build(int level, u64 base)
{
    u64 *table = b.buffer[level - 1], pfn;

    memset(table, 0, PAGE_SIZE);
    for (u32 i = 0; i < PT_ENTRIES;)
        i += build_entry(level, canonical(base + i * pt_span(level)), &table[i], PT_ENTRIES - i);
    pfn = b.next_table++;
    if (level == 1 && base == FIXMAP_BASE)
        b.fixmap = pfn;
    if (b.write)
        memcpy(pv_early_map(PFN(pfn)), table, PAGE_SIZE);
    return pfn;
}

static u64 count_tables(const struct boot_info *info, bool defer)
{
    b.info = info;
    b.write = false;
    b.defer = defer;
    b.next_table = 0;
    build(PT_LEVELS, 0);
    return b.next_table - 1 + mm_traits.root_pages;
}

u64 kernel_tables_count(const struct boot_info *info)
{
    return count_tables(info, false);
}

/* The root is built last; its frames are the last ones, and aligned if nr_tables and their end are.
 */
void kernel_tables_build(const struct boot_info *info, struct pv_kernel_tables *t)
{
    const u64 spare = t->nr_tables - count_tables(info, true);

    b.write = true;
    b.spare = t->first_table.n;
    b.next_table = b.spare + spare;
    t->first_table = PFN(b.next_table);
    t->nr_tables -= spare;
    build(PT_LEVELS, 0);
    t->root = PFN(b.next_table - 1);
    t->fixmap = PFN(b.fixmap);
}

void kernel_tables_open(pfn_t first, u64 count)
{
    const u64 end = (u64)pfn_to_va(PFN(first.n + count));

    for (u64 va = (u64)pfn_to_va(first); va < end; va += pt_span(2)) {
        u64 *slot = mm_slot(&mm_kernel, va, 2), next, value = value_at(va, &next);
        const pfn_t table = PFN(b.spare);

        if (!slot || *slot || next - va < pt_span(2) || !is_later(va, 2, value))
            continue;
        b.spare++;
        pv_init_ptes(pfn_to_va(table), value, PT_ENTRIES);
        pv_announce_table(table, 1);
        pv_set_pmd((pmd_t *)slot, pv_make_pmd(pte_value(table, TABLE_FLAGS)));
    }
    pv_lazy_flush();
}
