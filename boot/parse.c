/* SPDX-License-Identifier: MIT */
/*
 * What all loaders' parsers share: the choice of the parser, and the collection of the modules.
 */
#include "boot/parse.h"

#include "lib/memory_map.h"
#include "lib/string.h"

#define STRING_OF(n) #n
#define DIGITS_OF(n) STRING_OF(n)

const char boot_map_too_long[] =
    "memory map: more than " DIGITS_OF(BOOT_MAP_ENTRIES_MAX) " entries";

void boot_add_module(struct boot_info *bi, u64 base, u64 size, const struct phys_window *w,
                     u64 cmdline_pa)
{
    struct boot_module *m = &bi->modules[bi->nr_modules];

    if (bi->nr_modules == BOOT_MODULES_MAX || !fits(base, size, BOOT_PA_MAX)) {
        bi->modules_left_off++;
        return;
    }
    m->base = base;
    m->size = size;
    m->cmdline[0] = '\0';
    if (cmdline_pa && phys_window_string(w, cmdline_pa, m->cmdline, sizeof(m->cmdline)) &&
        !bi->module_strings_cut++)
        bi->first_module_cut = bi->nr_modules;
    bi->nr_modules++;
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

    memset(bi, 0, offsetof(struct boot_info, map));
    boot_forget_regions(bi);
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
