/*
 * How memory management comes to life: frames for the first tables and for the table of frames are
 * taken from the top of RAM, the tables are built (kernel_tables.c) and installed, and the rest is
 * the allocator's. Next: frame.c for frames, pagetable.c for mappings.
 */
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/mm.h"
#include "mm/space.h"

#define UNUSED_MAX (BOOT_REGIONS_MAX + 32)

struct pv_mmu_traits mm_traits;

static struct frame_range ram[BOOT_REGIONS_MAX];
static u32 nr_ram;
static struct frame_range unused[UNUSED_MAX]; /* the parts of it that nobody has; some are empty */
static u32 nr_unused;

static void add_unused(u64 start, u64 end)
{
    if (nr_unused == UNUSED_MAX)
        pv_panic("mm_init", "RAM is in more pieces than there is room for");
    unused[nr_unused++] = (struct frame_range){start, end};
}

static void find_ram(const struct boot_info *boot)
{
    for (u32 i = 0; i < boot->nr_regions; i++) {
        const struct boot_region *r = &boot->regions[i];
        const u64 start = r->base >> PAGE_SHIFT, end = (r->base + r->size) >> PAGE_SHIFT;

        if (r->type != BOOT_RAM || start >= end)
            continue;
        ram[nr_ram++] = (struct frame_range){start, end};
        add_unused(start, end);
    }
}

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

/* The first MiB is firmware's and, later, where other CPUs start. */
static void reserve_what_boot_left(const struct boot_info *boot)
{
    reserve_bytes(0, boot->first_free_pa);
    for (u32 i = 0; i < boot->nr_modules; i++)
        reserve_bytes(boot->modules[i].base, boot->modules[i].size);
    reserve_bytes(boot->xen_pv.first_p2m_pfn << PAGE_SHIFT,
                  boot->xen_pv.nr_p2m_frames << PAGE_SHIFT);
}

/* Frames in a row, from the top of RAM: the boot's own mappings are at its bottom. 0 if there are
 * none. */
static u64 early_alloc(u64 count, u64 limit)
{
    u64 found = 0;

    for (u32 i = 0; i < nr_unused; i++)
        if (unused[i].start + count <= MIN(unused[i].end, limit))
            found = MAX(found, MIN(unused[i].end, limit) - count);
    reserve(found, found ? found + count : 0);
    return found;
}

static u64 top_of_ram(void)
{
    u64 top = 0;

    for (u32 i = 0; i < nr_ram; i++)
        top = MAX(top, ram[i].end);
    return MIN(top, (VMAP_BASE - DIRECT_MAP_BASE) >> PAGE_SHIFT);
}

static void mark_tables(u64 start, u64 end)
{
    for (; start < end; start++) {
        struct frame *frame = frame_get(PFN(start));

        frame->state = FRAME_TABLE;
        frame->used = FRAME_PERMANENT;
    }
}

const char *mm_init(const struct boot_info *boot)
{
    static struct pv_kernel_tables tables;
    u64 top, db, first, count;
    const char *error;

    find_ram(boot);
    reserve_what_boot_left(boot);
    pv_mmu_init(boot, &mm_traits); /* what can this platform's tables do? */
    top = top_of_ram();
    db = early_alloc((top * sizeof(struct frame) + PAGE_SIZE - 1) >> PAGE_SHIFT, top);
    if (!db)
        return "mm_init: no room for the table of frames";
    count = kernel_tables_count(boot);
    first = early_alloc(count, mm_traits.table_high.n);
    if (!first)
        return "mm_init: no room for the kernel's page tables";
    kernel_tables_build(PFN(first), &tables);
    error = pv_install_tables(&tables); /* from here on the boot's are gone */
    if (error)
        return error;
    mm_kernel_init(tables.root);
    frame_init(pfn_to_va(PFN(db)), top, ram, nr_ram, unused, nr_unused);
    mark_tables(first, first + count);
    if (tables.nr_freed)
        frame_release_boot(tables.freed, tables.nr_freed);
    return NULL;
}

const void *phys_to_va(u64 pa, u64 len)
{
    struct mm_mapping m;

    for (u64 at = ALIGN_DOWN(pa, PAGE_SIZE); at < pa + len; at += PAGE_SIZE)
        if (pa + len < pa || !mm_query(&mm_kernel, DIRECT_MAP + at, &m))
            return NULL;
    return (const void *)(DIRECT_MAP + pa);
}
