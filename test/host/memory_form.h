/* SPDX-License-Identifier: MIT */
/* The form of a finished memory map, for the tests of lib/memory_map.c. */
#ifndef TEST_HOST_MEMORY_FORM_H
#define TEST_HOST_MEMORY_FORM_H

#include "harness.h"
#include "lib/boot_info.h"

/* Check the properties of a finished map that lib/boot_info.h promises. */
static inline void check_form(const struct boot_info *bi)
{
    u64 end = 0;

    for (u32 i = 0; i < bi->nr_regions; i++) {
        const struct boot_region *r = &bi->regions[i];

        CHECK(r->size > 0);
        CHECK(r->base >= end);
        CHECK(i == 0 || r->base > end || r->type != r[-1].type);
        CHECK(r->base + r->size > r->base);
        CHECK(r->type >= BOOT_RAM && r->type <= BOOT_DEVICES);
        CHECK(r->type != BOOT_RAM || (r->base % PAGE_SIZE == 0 && r->size % PAGE_SIZE == 0));
        end = r->base + r->size;
    }
}

#endif
