/*
 * boot/boot_info.c: what all boot paths share: looking at memory through a bounded window, and
 * turning a loader's memory map into one that can be relied on.
 */
#include "boot/boot_info.h"

#include "lib/string.h"

const void *phys_window_get(const struct phys_window *w, u64 pa, u64 len)
{
    u64 offset = pa - w->start; /* a pa below the start wraps around to far beyond the end */

    if (offset > w->size || len > w->size - offset)
        return NULL;
    return w->base + offset;
}

bool phys_window_string(const struct phys_window *w, u64 pa, char *dst, size_t cap)
{
    for (size_t i = 0; i < cap; i++) {
        const char *c = phys_window_get(w, pa + i, 1);

        dst[i] = c ? *c : '\0';
        if (!dst[i])
            return c != NULL;
    }
    dst[cap - 1] = '\0';
    return false;
}

const char *boot_add_region(struct boot_info *bi, u64 base, u64 size, u32 type)
{
    size = MIN(size, UINT64_MAX - base);
    if (size == 0)
        return NULL;
    if (bi->nr_regions == BOOT_REGIONS_MAX)
        return "memory map: more regions than this kernel has room for";
    if (type < BOOT_RAM || type > BOOT_UNUSABLE)
        type = BOOT_RESERVED;
    bi->regions[bi->nr_regions++] = (struct boot_region){base, size, (enum boot_region_type)type};
    return NULL;
}

const char *boot_add_module(struct boot_info *bi, u64 base, u64 size, const struct phys_window *w,
                            u64 cmdline_pa)
{
    struct boot_module *m;

    if (bi->nr_modules == BOOT_MODULES_MAX)
        return "modules: more than this kernel has room for";
    if (base > BOOT_PA_MAX || size > BOOT_PA_MAX - base)
        return "modules: one ends beyond the physical address space";
    m = &bi->modules[bi->nr_modules];
    if (cmdline_pa && !phys_window_string(w, cmdline_pa, m->cmdline, sizeof(m->cmdline)))
        return "modules: a command line is too long, has no end or cannot be read";
    m->base = base;
    m->size = size;
    bi->nr_modules++;
    return NULL;
}

void boot_set_first_free(struct boot_info *bi, u64 used_end)
{
    u64 end = ALIGN_UP(used_end, PAGE_SIZE);
    bool moved;

    /* A module may touch the end only once another has moved it: ask all again after a move. */
    do {
        moved = false;
        for (u32 i = 0; i < bi->nr_modules; i++) {
            const struct boot_module *m = &bi->modules[i];

            if (m->base <= end && m->base + m->size > end) {
                end = ALIGN_UP(m->base + m->size, PAGE_SIZE);
                moved = true;
            }
        }
    } while (moved);
    bi->first_free_pa = end;
}

/*
 * The finished map while it is being made: it may for a while have more regions than there were,
 * as one region can cut another in two. Static for its size: this runs once, on one CPU.
 */
static struct {
    struct boot_region regions[BOOT_REGIONS_MAX];
    u32 count;
    bool overflow;
    bool has_ram;
} done;

/* Adds [base, end) to the finished map; of RAM only the whole pages. */
static void finish_run(u64 base, u64 end, u32 type)
{
    if (type == BOOT_RAM) {
        end = ALIGN_DOWN(end, PAGE_SIZE);
        if (base > end)
            return;
        base = ALIGN_UP(base, PAGE_SIZE);
    }
    if (type == 0 || base >= end)
        return;
    if (done.count == BOOT_REGIONS_MAX) {
        done.overflow = true;
        return;
    }
    done.regions[done.count++] =
        (struct boot_region){base, end - base, (enum boot_region_type)type};
    done.has_ram |= type == BOOT_RAM;
}

/*
 * The type of the byte at pa, 0 if no region holds it, and in *next the first address behind pa
 * where that may change. The types are numbered so that the most restrictive is the greatest.
 */
static u32 type_at(const struct boot_info *bi, u64 pa, u64 *next)
{
    u32 type = 0;

    *next = UINT64_MAX;
    for (u32 i = 0; i < bi->nr_regions; i++) {
        const struct boot_region *r = &bi->regions[i];

        if (pa < r->base) {
            *next = MIN(*next, r->base);
        } else if (pa - r->base < r->size) {
            *next = MIN(*next, r->base + r->size);
            type = MAX(type, (u32)r->type);
        }
    }
    return type;
}

/*
 * Walks up through all addresses, from one border of a region to the next, and joins what has the
 * same type into runs. No region reaches UINT64_MAX, so that is where the walk ends.
 */
const char *boot_memory_finish(struct boot_info *bi)
{
    u64 run_base = 0;
    u32 run_type = 0;
    u64 next;

    if (bi->nr_regions == 0)
        return "memory map: it is empty; the boot loader has to pass one";
    memset(&done, 0, sizeof(done));
    for (u64 pa = 0; pa != UINT64_MAX; pa = next) {
        u32 type = type_at(bi, pa, &next);

        if (type != run_type) {
            finish_run(run_base, pa, run_type);
            run_base = pa;
            run_type = type;
        }
    }
    finish_run(run_base, UINT64_MAX, run_type);
    if (done.overflow)
        return "memory map: overlapping regions make more pieces than this kernel has room for";
    if (!done.has_ram)
        return "memory map: not one whole page of RAM in it; give the machine more memory";
    memcpy(bi->regions, done.regions, sizeof(done.regions));
    bi->nr_regions = done.count;
    return NULL;
}
