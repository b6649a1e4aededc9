/* SPDX-License-Identifier: MIT */
/*
 * Helpers of the fuzzers. A fuzzer passes bytes to one subject and REQUIREs what its header
 * promises; the sanitizers check every access. The input of the boot parsers is the memory from
 * IMAGE_PA on, as in image.h.
 */
#ifndef TEST_HOST_FUZZ_H
#define TEST_HOST_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/parse.h"
#include "lib/memory_map.h"

#define IMAGE_PA        0x200000ul
#define IMAGE_END_PA    0x180123ul
#define IMAGE_VIRT_BASE 0xffffffff80000000ul

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define REQUIRE(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

static __unused bool is_terminated(const char *text, size_t cap)
{
    return memchr(text, '\0', cap) != NULL;
}

/* Require what holds for *bi after any result of the parser. */
static __unused void require_bounded(const struct boot_info *bi)
{
    REQUIRE(is_terminated(bi->loader, sizeof(bi->loader)));
    REQUIRE(is_terminated(bi->cmdline, sizeof(bi->cmdline)));
    REQUIRE(bi->nr_regions <= BOOT_REGIONS_MAX);
    REQUIRE(bi->nr_modules <= BOOT_MODULES_MAX);
    REQUIRE(bi->rsdp_size <= BOOT_RSDP_MAX);
    for (u32 i = 0; i < bi->nr_modules; i++)
        REQUIRE(is_terminated(bi->modules[i].cmdline, sizeof(bi->modules[i].cmdline)));
}

static __unused void require_finished_map(const struct boot_info *bi)
{
    u64 end = 0;
    bool ram = false;

    for (u32 i = 0; i < bi->nr_regions; i++) {
        const struct boot_region *r = &bi->regions[i];

        REQUIRE(r->base >= end && r->size > 0 && r->base + r->size > r->base);
        REQUIRE(r->type >= BOOT_RAM && r->type <= BOOT_DEVICES);
        REQUIRE(r->type != BOOT_RAM || (r->base % PAGE_SIZE == 0 && r->size % PAGE_SIZE == 0));
        end = r->base + r->size;
        ram |= r->type == BOOT_RAM;
    }
    REQUIRE(ram);
}

/* Require all that boot_info.h promises after a parser has returned error. */
static __unused void require_boot_info(struct boot_info *bi, const char *error)
{
    require_bounded(bi);
    if (error) {
        REQUIRE(*error && !strchr(error, '\n'));
        return;
    }
    REQUIRE(bi->first_free_pa >= IMAGE_END_PA && bi->first_free_pa % PAGE_SIZE == 0);
    for (u32 i = 0; i < bi->nr_modules; i++) {
        const struct boot_module *m = &bi->modules[i];

        REQUIRE(m->base <= BOOT_PA_MAX && m->size <= BOOT_PA_MAX - m->base);
        REQUIRE(m->base > bi->first_free_pa || m->base + m->size <= bi->first_free_pa);
    }
    if (!boot_memory_finish(bi))
        require_finished_map(bi);
    require_bounded(bi);
}

#endif
