/*
 * How memory management comes to life: frames for the first tables and for the table of frames are
 * taken from the top of RAM, the tables are built (kernel_tables.c) and installed, and the rest is
 * the allocator's. Next: frame.c for frames, pagetable.c for mappings.
 */
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/mm.h"
#include "mm/pagetable.h"
#include "mm/space.h"

#define RESERVED_MAX 32
#define RANGES_MAX   (BOOT_REGIONS_MAX + RESERVED_MAX)

struct pv_mmu_traits mm_traits;

extern const char _image_end[];

static struct frame_range reserved[RESERVED_MAX]; /* RAM that is in use; may overlap */
static u32 nr_reserved;
static struct frame_range ram[RANGES_MAX]; /* RAM that is not */
static u32 nr_ram;
static const struct boot_info *boot;

static void reserve(u64 start, u64 end)
{
    if (nr_reserved == RESERVED_MAX)
        pv_panic("mm_init", "more reserved ranges than there is room for");
    reserved[nr_reserved++] = (struct frame_range){start, end};
}

static void reserve_bytes(u64 base, u64 size)
{
    if (size)
        reserve(base >> PAGE_SHIFT, ALIGN_UP(base + size, PAGE_SIZE) >> PAGE_SHIFT);
}

bool mm_reserved(u64 start, u64 end)
{
    for (u32 i = 0; i < nr_reserved; i++)
        if (reserved[i].start < end && start < reserved[i].end)
            return true;
    return false;
}

/* The first MiB is firmware's and, later, where other CPUs start. */
static void reserve_what_boot_left(void)
{
    reserve_bytes(0, boot->first_free_pa);
    for (u32 i = 0; i < boot->nr_modules; i++)
        reserve_bytes(boot->modules[i].base, boot->modules[i].size);
    reserve_bytes(boot->xen_pv.first_p2m_pfn << PAGE_SHIFT,
                  boot->xen_pv.nr_p2m_frames << PAGE_SHIFT);
}

/* The highest stretch of count frames below limit in [start, end) that is not reserved, or 0. */
static u64 find_in(u64 start, u64 end, u64 count)
{
    for (u32 i = 0; i < nr_reserved && end >= start + count; i++)
        if (reserved[i].start < end && end - count < reserved[i].end) {
            end = reserved[i].start;
            i = (u32)-1; /* it may meet one that was passed */
        }
    return end >= start + count ? end - count : 0;
}

/* Frames in a row, from the top of RAM: the boot's own mappings are at its bottom. 0 if there are
 * none. */
static u64 early_alloc(u64 count, u64 limit)
{
    for (u32 i = boot->nr_regions; i-- > 0;) {
        const struct boot_region *r = &boot->regions[i];
        const u64 start = MAX(r->base >> PAGE_SHIFT, 1), end = (r->base + r->size) >> PAGE_SHIFT;
        u64 found = 0;

        if (r->type == BOOT_RAM && start < MIN(end, limit))
            found = find_in(start, MIN(end, limit), count);
        if (found) {
            reserve(found, found + count);
            return found;
        }
    }
    return 0;
}

static void add_ram(u64 start, u64 end)
{
    if (start >= end)
        return;
    if (nr_ram == RANGES_MAX)
        pv_panic("mm_init", "RAM is in more pieces than there is room for");
    ram[nr_ram++] = (struct frame_range){start, end};
}

/* [start, end) without what is reserved. */
static void add_unreserved(u64 start, u64 end)
{
    while (start < end) {
        u64 next = end;

        for (u32 i = 0; i < nr_reserved; i++) {
            if (reserved[i].start <= start && start < reserved[i].end)
                next = start;
            else if (reserved[i].start > start)
                next = MIN(next, reserved[i].start);
            if (next == start) {
                start = reserved[i].end;
                break;
            }
        }
        if (start < end && next > start) {
            add_ram(start, MIN(next, end));
            start = next;
        }
    }
}

static u64 top_of_ram(void)
{
    u64 top = 0;

    for (u32 i = 0; i < boot->nr_regions; i++)
        if (boot->regions[i].type == BOOT_RAM)
            top = MAX(top, boot->regions[i].base + boot->regions[i].size);
    return MIN(top, VMAP_BASE - DIRECT_MAP_BASE) >> PAGE_SHIFT;
}

static const char *make_tables(struct pv_kernel_tables *t, struct frame_range *all)
{
    t->nr_tables = kernel_tables_count(boot);
    t->first_table = PFN(early_alloc(t->nr_tables, mm_traits.table_high.n));
    if (!t->first_table.n)
        return "mm_init: no room for the kernel's page tables";
    *all = (struct frame_range){t->first_table.n, t->first_table.n + t->nr_tables};
    kernel_tables_build(boot, t);
    return pv_install_tables(t);
}

static void mark_tables(struct frame_range tables)
{
    for (u64 n = tables.start; n < tables.end; n++) {
        struct frame *frame = frame_get(PFN(n));

        frame->state = FRAME_TABLE;
        frame->order = FRAME_TAIL;
        frame->used = FRAME_PERMANENT;
    }
}

const char *mm_init(const struct boot_info *info)
{
    struct pv_kernel_tables tables = {0};
    struct frame_range all;
    const char *error;
    u64 top, db;

    boot = info;
    reserve_what_boot_left();
    pv_mmu_init(info, &mm_traits); /* what can this platform's tables do? */
    top = top_of_ram();
    db = early_alloc((top * sizeof(struct frame) + PAGE_SIZE - 1) >> PAGE_SHIFT, top);
    if (!db)
        return "mm_init: no room for the table of frames";
    error =
        make_tables(&tables, &all); /* the kernel's own tables; from here on the boot's are gone */
    if (error)
        return error;
    mm_kernel.root = tables.root;
    mm_kernel.live = true;
    for (u32 i = 0; i < boot->nr_regions; i++)
        if (boot->regions[i].type == BOOT_RAM)
            add_unreserved(boot->regions[i].base >> PAGE_SHIFT,
                           (boot->regions[i].base + boot->regions[i].size) >> PAGE_SHIFT);
    frame_init(pfn_to_va(PFN(db)), top, ram, nr_ram, reserved, nr_reserved);
    mark_tables(all);
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
