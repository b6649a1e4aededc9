/* SPDX-License-Identifier: MIT */
/*
 * lib/memory_map.c and boot/parse.c: the finished memory map is compared with a plain model, an
 * array with one cell for each sixteenth of a page, painted region by region. Maps with more
 * regions than fit are in test_memory_full.c.
 */
#include "lib/address_map.h"
#include "harness.h"

#include "boot/parse.h"
#include "lib/memory_map.h"
#include "memory_form.h"

#define CELL     (PAGE_SIZE / 16)
#define NR_PAGES 40ul
#define NR_CELLS (NR_PAGES * 16)
#define ROUNDS   20000
#define MAP_BASE 0x100000ul

#define NO_RAM "not one whole page of RAM; give the machine more memory"

static struct boot_info bi;
static u8 model[NR_CELLS];
static u8 result[NR_CELLS];

static void paint(u8 *cells, u64 base, u64 size, u32 type)
{
    for (u64 i = (base - MAP_BASE) / CELL; i < (base - MAP_BASE + size) / CELL; i++)
        cells[i] = (u8)MAX(cells[i], type);
}

/* Only whole pages of RAM count. */
static void drop_partial_pages(u8 *cells)
{
    for (u64 page = 0; page < NR_PAGES; page++) {
        u8 *p = cells + page * 16;
        bool whole = true;

        for (u64 i = 0; i < 16; i++)
            whole &= p[i] == BOOT_RAM;
        for (u64 i = 0; i < 16; i++) {
            if (p[i] == BOOT_RAM && !whole)
                p[i] = 0;
        }
    }
}

static void one_random_map(void)
{
    u64 nr = 1 + random_u64() % 12;
    u64 longest = 1 + random_u64() % NR_CELLS;
    const char *error;

    memset(&bi, 0, sizeof(bi));
    memset(model, 0, sizeof(model));
    memset(result, 0, sizeof(result));
    for (u64 i = 0; i < nr; i++) {
        u64 first = random_u64() % NR_CELLS;
        u64 cells = random_u64() % longest;
        u64 size = MIN(cells, NR_CELLS - first) * CELL;
        /* Half of the regions are RAM; undefined types count as reserved. */
        u32 type = random_u64() % 2 ? BOOT_RAM : (u32)(random_u64() % 8);

        boot_add_region(&bi, MAP_BASE + first * CELL, size, type);
        paint(model, MAP_BASE + first * CELL, size, type < 1 || type > 5 ? BOOT_RESERVED : type);
    }
    drop_partial_pages(model);
    error = boot_memory_finish(&bi);
    if (!memchr(model, BOOT_RAM, sizeof(model))) {
        CHECK(error != NULL);
        return;
    }
    CHECK_STR(error, NULL);
    check_form(&bi);
    for (u32 i = 0; i < bi.nr_regions; i++)
        paint(result, bi.regions[i].base, bi.regions[i].size, bi.regions[i].type);
    CHECK(memcmp(model, result, sizeof(model)) == 0);
}

/* Absent RAM wins over RAM, and is a region of its own; joined with another it is not usable. */
static void test_absent(void)
{
    memset(&bi, 0, sizeof(bi));
    boot_add_region(&bi, 0, MIB(64), BOOT_RAM);
    boot_add_absent(&bi, MIB(48) / PAGE_SIZE, MIB(64) / PAGE_SIZE);
    CHECK_EQ(boot_ram_frames(&bi), MIB(48) / PAGE_SIZE);
    CHECK_STR(boot_memory_finish(&bi), NULL);
    CHECK_EQ(bi.nr_regions, 2);
    CHECK_EQ(bi.regions[1].type, BOOT_ABSENT);
    CHECK_EQ(bi.regions[1].base, MIB(48));
    boot_add_absent(&bi, MIB(64) / PAGE_SIZE, GIB(4) / PAGE_SIZE);
    CHECK_STR(boot_memory_finish(&bi), NULL);
    CHECK_EQ(bi.regions[1].size, MIB(16) + MIB(48) * BOOT_GROWTH_MAX);
    boot_forget_regions(&bi);
    boot_add_region(&bi, 0, MIB(48), BOOT_RAM);
    boot_add_absent(&bi, MIB(48) / PAGE_SIZE, MIB(64) / PAGE_SIZE);
    for (u64 i = 0; i < BOOT_REGIONS_MAX; i++)
        boot_add_region(&bi, MIB(64) + i * 2 * PAGE_SIZE, PAGE_SIZE,
                        i % 2 ? BOOT_RESERVED : BOOT_NVS);
    CHECK_STR(boot_memory_finish(&bi), NULL);
    CHECK(bi.map.joined > 0);
    for (u32 i = 0; i < bi.nr_regions; i++)
        CHECK(bi.regions[i].type != BOOT_ABSENT ||
              bi.regions[i].base + bi.regions[i].size <= MIB(64));
}

static void test_model(void)
{
    for (size_t i = 0; i < ROUNDS; i++)
        one_random_map();
}

static void test_ends(void)
{
    memset(&bi, 0, sizeof(bi));
    CHECK(!boot_has_regions(&bi));
    CHECK_STR(boot_memory_finish(&bi), NO_RAM);
    boot_add_region(&bi, 0x1000, 0, BOOT_RAM);
    CHECK(!boot_has_regions(&bi));
    boot_add_region(&bi, 0x1001, 0x1ffe, BOOT_RAM);
    CHECK(boot_has_regions(&bi));
    CHECK_STR(boot_memory_finish(&bi), NO_RAM);
    boot_forget_regions(&bi);
    CHECK(!boot_has_regions(&bi));
    boot_add_region(&bi, 0x1001, UINT64_MAX, BOOT_RAM);
    boot_add_region(&bi, 0, UINT64_MAX, BOOT_RAM);
    boot_add_region(&bi, BOOT_PA_MAX, UINT64_MAX, BOOT_RAM);
    boot_add_region(&bi, UINT64_MAX, UINT64_MAX, BOOT_RAM);
    boot_add_region(&bi, BOOT_PA_MAX - 5, UINT64_MAX, BOOT_NVS);
    CHECK_STR(boot_memory_finish(&bi), NULL);
    check_form(&bi);
    CHECK_EQ(bi.nr_regions, 2);
    CHECK_EQ(bi.regions[0].base, 0);
    CHECK_EQ(bi.regions[0].size, BOOT_PA_MAX - PAGE_SIZE);
    CHECK_EQ(bi.regions[1].base, BOOT_PA_MAX - 5);
    CHECK_EQ(bi.regions[1].size, 5);
    /* Finishing the map a second time changes nothing. */
    CHECK_STR(boot_memory_finish(&bi), NULL);
    CHECK_EQ(bi.nr_regions, 2);
    boot_forget_regions(&bi);
    boot_add_region(&bi, BOOT_PA_MAX - 5, 5, BOOT_RAM);
    CHECK_STR(boot_memory_finish(&bi), NO_RAM);
}

static void test_modules_outside_of_ram(void)
{
    static const struct {
        u64 base, size;
        bool kept;
    } modules[] = {
        {MIB(4), 100, true},
        {MIB(4) + 123, MIB(1), true},
        {0, 0, true},
        {MIB(8) - 4096, 4096, true},
        {MIB(8) - 4096, 4097, false},
        {MIB(16), 4096, false},
        {MIB(2) - 4096, 4097, false}, /* its second half is a hole */
        {BOOT_IMAGE_BASE, 4096, false},
        {MIB(3) - 1, 1, false},
        {MIB(3), 4096, true}, /* the first byte after the image */
        {BOOT_IMAGE_BASE - 4096, 4096, true},
        {0x5000, 4096, true},
        {MIB(4), (u64)1 << 51, false},
    };
    u32 kept = 0;

    memset(&bi, 0, sizeof(bi));
    boot_add_region(&bi, 0, MIB(2) - 4096, BOOT_RAM);
    boot_add_region(&bi, MIB(2), MIB(6), BOOT_RAM);
    for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
        bi.modules[bi.nr_modules].base = modules[i].base;
        bi.modules[bi.nr_modules++].size = modules[i].size;
    }
    CHECK_STR(boot_memory_finish(&bi), NULL);
    boot_drop_modules(&bi, MIB(3));
    for (size_t i = 0; i < ARRAY_SIZE(modules); i++)
        if (modules[i].kept) {
            CHECK_EQ(bi.modules[kept].base, modules[i].base);
            kept++;
        }
    CHECK_EQ(bi.nr_modules, kept);
    CHECK_EQ(bi.modules_left_off, ARRAY_SIZE(modules) - kept);
}

static void test_is_ram(void)
{
    memset(&bi, 0, sizeof(bi));
    CHECK(!boot_is_ram(&bi, 0x1000));
    boot_add_region(&bi, 0x1000, 0x2000, BOOT_RAM);
    boot_add_region(&bi, 0x2000, 0x1000, BOOT_ACPI);
    CHECK(!boot_is_ram(&bi, 0xfff));
    CHECK(boot_is_ram(&bi, 0x1000));
    CHECK(boot_is_ram(&bi, 0x1fff));
    CHECK(!boot_is_ram(&bi, 0x2000));
    CHECK(!boot_is_ram(&bi, 0x3000));
    CHECK(!boot_is_ram(&bi, UINT64_MAX));
}

/*
 * The platform's own regions, devices and shared pages, take precedence over the loader's types of
 * the same addresses, in either order.
 */
static void check_platform_region(void (*add)(struct boot_info *bi, u64 base, u64 size),
                                  enum boot_region_type platform_type)
{
    for (u32 type = 0; type < 9; type++)
        for (int platform_first = 0; platform_first < 2; platform_first++) {
            memset(&bi, 0, sizeof(bi));
            boot_add_region(&bi, 0, MIB(1), BOOT_RAM);
            for (int i = 0; i < 2; i++)
                if (i == platform_first)
                    add(&bi, 0xfe000000, MIB(32));
                else
                    boot_add_region(&bi, 0xfd000000, GIB(1), type);
            CHECK_STR(boot_memory_finish(&bi), NULL);
            check_form(&bi);
            CHECK_EQ(bi.nr_regions, 4);
            CHECK_EQ(bi.regions[2].base, 0xfe000000);
            CHECK_EQ(bi.regions[2].size, MIB(32));
            CHECK_EQ(bi.regions[2].type, platform_type);
        }
}

/* The RAM of an unfinished map: whole frames only, and the highest region first. */
static void test_top_of_ram(void)
{
    u64 first, end;

    memset(&bi, 0, sizeof(bi));
    CHECK_EQ(boot_ram_frames(&bi), 0);
    CHECK(!boot_top_ram(&bi, &first, &end));
    boot_add_region(&bi, 0x1000, 0xfff, BOOT_RAM); /* less than a frame */
    CHECK_EQ(boot_ram_frames(&bi), 0);
    CHECK(!boot_top_ram(&bi, &first, &end));
    boot_add_region(&bi, MIB(1) + 1, MIB(2), BOOT_RAM);
    boot_add_region(&bi, MIB(8), MIB(1), BOOT_RESERVED);
    CHECK_EQ(boot_ram_frames(&bi), MIB(2) / PAGE_SIZE - 1);
    CHECK(boot_top_ram(&bi, &first, &end));
    CHECK_EQ(first, MIB(1) / PAGE_SIZE + 1);
    CHECK_EQ(end, MIB(3) / PAGE_SIZE);
    boot_add_region(&bi, GIB(4), PAGE_SIZE, BOOT_RAM);
    CHECK_EQ(boot_ram_frames(&bi), MIB(2) / PAGE_SIZE);
    CHECK(boot_top_ram(&bi, &first, &end));
    CHECK_EQ(first, GIB(4) / PAGE_SIZE);
    boot_add_region(&bi, GIB(4), PAGE_SIZE, BOOT_UNUSABLE);
    CHECK(boot_top_ram(&bi, &first, &end));
    CHECK_EQ(end, MIB(3) / PAGE_SIZE);
}

static void test_devices(void)
{
    check_platform_region(boot_add_devices, BOOT_DEVICES);
    check_platform_region(boot_add_shared, BOOT_SHARED);
}

static void pass_modules(u64 used_end)
{
    bi.first_free_pa = used_end;
    boot_pass_modules(&bi);
}

/* Modules after the image count as used memory, in whatever order they are listed. */
static void test_first_free(void)
{
    static const struct phys_window none;

    memset(&bi, 0, sizeof(bi));
    pass_modules(0x5001);
    CHECK_EQ(bi.first_free_pa, 0x6000);
    boot_add_module(&bi, 0x8000, 0x1000, &none, 0);
    boot_add_module(&bi, 0x100000, 0x1000, &none, 0);
    boot_add_module(&bi, 0x6000, 0x1001, &none, 0);
    boot_add_module(&bi, 0x1000, 0x10, &none, 0);
    pass_modules(0x5000);
    CHECK_EQ(bi.first_free_pa, 0x5000);
    pass_modules(0x5001);
    CHECK_EQ(bi.first_free_pa, 0x9000);
    boot_add_module(&bi, BOOT_PA_MAX, 0, &none, 0);
    CHECK_EQ(bi.nr_modules, 5);
    boot_add_module(&bi, BOOT_PA_MAX, 1, &none, 0);
    boot_add_module(&bi, 1, UINT64_MAX, &none, 0);
    CHECK_EQ(bi.nr_modules, 5);
    CHECK_EQ(bi.modules_left_off, 2);
}

int main(void)
{
    RUN(test_absent);
    RUN(test_model);
    RUN(test_ends);
    RUN(test_is_ram);
    RUN(test_modules_outside_of_ram);
    RUN(test_devices);
    RUN(test_top_of_ram);
    RUN(test_first_free);
    return finish("memory");
}
