/*
 * boot/boot_info.c: what all boot paths share: looking at memory through a bounded window, and
 * turning a loader's memory map into one that can be relied on.
 */
#include "boot/boot_info.h"

#include "lib/string.h"

static const char too_many_regions[] = "more regions than this kernel has room for";

bool fits(u64 start, u64 len, u64 size)
{
    return start <= size && len <= size - start;
}

const void *phys_window_get(const struct phys_window *w, u64 pa, u64 len)
{
    u64 offset = pa - w->start; /* a pa below the start wraps around to far beyond the end */

    return pa && fits(offset, len, w->size) ? w->base + offset : NULL;
}

bool phys_window_cut(const struct phys_window *w, u64 pa, u64 len, struct phys_window *part)
{
    *part = (struct phys_window){phys_window_get(w, pa, len), pa, len};
    return part->base != NULL;
}

bool phys_window_read(const struct phys_window *w, u64 pa, void *dst, size_t len)
{
    const void *src = phys_window_get(w, pa, len);

    if (src)
        memcpy(dst, src, len);
    return src != NULL;
}

const char *phys_window_string(const struct phys_window *w, u64 pa, char *dst, size_t cap)
{
    for (size_t i = 0; i < cap; i++) {
        const char *c = phys_window_get(w, pa + i, 1);

        dst[i] = c ? *c : '\0';
        if (c && !*c)
            return NULL;
        if (!c)
            break;
    }
    dst[cap - 1] = '\0';
    return "command line: too long, without end, or unreadable";
}

const char *boot_add_region(struct boot_info *bi, u64 base, u64 size, u32 type)
{
    if (base >= BOOT_PA_MAX || size == 0)
        return NULL;
    if (bi->nr_regions == BOOT_REGIONS_MAX)
        return too_many_regions;
    if (type < BOOT_RAM || type > BOOT_UNUSABLE)
        type = BOOT_RESERVED;
    bi->regions[bi->nr_regions++] = (struct boot_region){base, MIN(size, BOOT_PA_MAX - base), type};
    return NULL;
}

const char *boot_add_module(struct boot_info *bi, u64 base, u64 size, const struct phys_window *w,
                            u64 cmdline_pa)
{
    struct boot_module *m = &bi->modules[bi->nr_modules];

    if (bi->nr_modules == BOOT_MODULES_MAX)
        return "more modules than this kernel has room for";
    if (!fits(base, size, BOOT_PA_MAX))
        return "module: ends beyond the physical address space, or before it starts";
    m->base = base;
    m->size = size;
    bi->nr_modules++;
    return cmdline_pa ? phys_window_string(w, cmdline_pa, m->cmdline, sizeof(m->cmdline)) : NULL;
}

void boot_pass_modules(struct boot_info *bi)
{
    u64 end = ALIGN_UP(bi->first_free_pa, PAGE_SIZE);

    /* A module may touch the end only once another has moved it: ask all again after a move. */
    for (u32 i = 0; i < bi->nr_modules;) {
        const struct boot_module *m = &bi->modules[i++];

        if (m->base <= end && m->base + m->size > end) {
            end = ALIGN_UP(m->base + m->size, PAGE_SIZE);
            i = 0;
        }
    }
    bi->first_free_pa = end;
}

const char *boot_parse(enum boot_protocol protocol, const struct phys_window *w, u64 info_pa,
                       u64 image_end_pa, struct boot_info *bi)
{
    const char *error;

    memset(bi, 0, sizeof(*bi));
    bi->protocol = protocol;
    bi->first_free_pa = image_end_pa;
    if (protocol == BOOT_MULTIBOOT2)
        error = multiboot2_parse(w, info_pa, bi);
    else if (protocol == BOOT_PVH)
        error = pvh_parse(w, info_pa, bi);
    else
        error = xen_pv_parse(w, info_pa, bi);
    boot_pass_modules(bi);
    return error;
}

/*
 * The type of the byte at pa, 0 if no region holds it, and in *next the first address behind pa
 * where that may change. The types are numbered so that the most restrictive is the greatest.
 */
static u32 type_at(const struct boot_info *bi, u64 pa, u64 *next)
{
    u32 type = 0;

    *next = BOOT_PA_MAX;
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
 * same type into runs; of RAM only the whole pages. One region can cut another in two: there may be
 * more runs than there were regions.
 */
const char *boot_memory_finish(struct boot_info *bi)
{
    static struct boot_region runs[BOOT_REGIONS_MAX]; /* for its size: this runs once, on one CPU */
    bool has_ram = false;
    u32 count = 0, type;

    for (u64 base = 0, end, next; base < BOOT_PA_MAX; base = end) {
        u64 limit;

        type = type_at(bi, base, &end);
        while (end < BOOT_PA_MAX && type_at(bi, end, &next) == type)
            end = next;
        limit = end;
        if (type == BOOT_RAM) {
            base = ALIGN_UP(base, PAGE_SIZE);
            limit = ALIGN_DOWN(end, PAGE_SIZE);
        }
        if (!type || base >= limit)
            continue;
        if (count == BOOT_REGIONS_MAX)
            return too_many_regions;
        runs[count++] = (struct boot_region){base, limit - base, type};
        has_ram |= type == BOOT_RAM;
    }
    if (!has_ram)
        return "not one whole page of RAM; give the machine more memory";
    memcpy(bi->regions, runs, sizeof(runs));
    bi->nr_regions = count;
    return NULL;
}
