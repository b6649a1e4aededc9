/* SPDX-License-Identifier: MIT */
/*
 * lib/memory_map.c, where a map has more regions than there are entries: what is kept, what is
 * joined, and what is counted as left out.
 */
#include "lib/memory_map.h"
#include "harness.h"

#include "lib/address_map.h"
#include "memory_form.h"

static struct boot_info bi;

/* Adjacent regions of one type are merged, so a map of any length that is one piece fits. */
static void test_merged(void)
{
    for (int descending = 0; descending < 2; descending++) {
        memset(&bi, 0, sizeof(bi));
        for (u64 i = 0; i < 10000; i++)
            boot_add_region(&bi, (descending ? 9999 - i : i) * PAGE_SIZE, PAGE_SIZE, BOOT_RAM);
        CHECK_STR(boot_memory_finish(&bi), NULL);
        CHECK_EQ(bi.nr_regions, 1);
        CHECK_EQ(bi.regions[0].size, 10000 * PAGE_SIZE);
        CHECK_EQ(bi.map.ram_left_out, 0);
    }
}

static int descending(const void *a, const void *b)
{
    const u64 x = *(const u64 *)a, y = *(const u64 *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

/*
 * If there are more pieces of RAM than entries, the largest ones are kept and the others counted.
 */
static void test_largest_kept(void)
{
    enum { NR = 3 * BOOT_REGIONS_MAX };
    static u64 sizes[NR];
    u64 kept = 0, largest = 0, all = 0;

    memset(&bi, 0, sizeof(bi));
    for (u64 i = 0; i < NR; i++) {
        sizes[i] = (1 + random_u64() % 1000) * PAGE_SIZE;
        all += sizes[i];
        boot_add_region(&bi, (i * 1811 % NR) * MIB(8), sizes[i], BOOT_RAM);
    }
    CHECK_STR(boot_memory_finish(&bi), NULL);
    check_form(&bi);
    CHECK_EQ(bi.nr_regions, BOOT_REGIONS_MAX);
    for (u32 i = 0; i < bi.nr_regions; i++)
        kept += bi.regions[i].size;
    qsort(sizes, NR, sizeof(sizes[0]), descending);
    for (u32 i = 0; i < BOOT_REGIONS_MAX; i++)
        largest += sizes[i];
    CHECK_EQ(kept, largest);
    CHECK_EQ(bi.map.ram_left_out, all - kept);
    CHECK_EQ(bi.map.joined, 0);
}

/*
 * Small pieces of RAM that contain the image, the first MiB after it, or a module are kept instead
 * of larger ones elsewhere.
 */
static void test_loaded_kept(void)
{
    u32 found = 0;

    memset(&bi, 0, sizeof(bi));
    bi.first_free_pa = MIB(1) + 10 * PAGE_SIZE;
    bi.modules[bi.nr_modules++] = (struct boot_module){.base = MIB(4) + 5, .size = 4 * PAGE_SIZE};
    for (u64 i = 0; i < 10; i += 2)
        boot_add_region(&bi, MIB(1) + i * PAGE_SIZE, PAGE_SIZE, BOOT_RAM);
    for (u64 i = 0; i < 5; i += 2)
        boot_add_region(&bi, MIB(4) + i * PAGE_SIZE, PAGE_SIZE, BOOT_RAM);
    boot_add_region(&bi, MIB(1) + 12 * PAGE_SIZE, PAGE_SIZE, BOOT_RAM);
    boot_add_region(&bi, MIB(2) + 9 * PAGE_SIZE, PAGE_SIZE, BOOT_RAM);
    boot_add_region(&bi, MIB(2) + 11 * PAGE_SIZE, PAGE_SIZE, BOOT_RAM); /* too far after it */
    for (u64 i = 0; i < 2 * BOOT_REGIONS_MAX; i++)
        boot_add_region(&bi, GIB(1) + i * MIB(1), 8 * PAGE_SIZE, BOOT_RAM);
    CHECK_STR(boot_memory_finish(&bi), NULL);
    check_form(&bi);
    CHECK_EQ(bi.nr_regions, BOOT_REGIONS_MAX);
    for (u32 i = 0; i < bi.nr_regions; i++)
        found += bi.regions[i].size == PAGE_SIZE;
    CHECK_EQ(found, 5 + 3 + 2);
    CHECK_EQ(bi.map.ram_left_out, ((BOOT_REGIONS_MAX + 10) * 8 + 1) * PAGE_SIZE);
}

/* If every region contains a part of the image, some of them are dropped. */
static void test_too_many_loaded(void)
{
    memset(&bi, 0, sizeof(bi));
    bi.first_free_pa = GIB(1);
    for (u64 i = 0; i < BOOT_REGIONS_MAX + 3; i++)
        boot_add_region(&bi, MIB(1) + i * 2 * PAGE_SIZE, PAGE_SIZE, BOOT_RAM);
    CHECK_STR(boot_memory_finish(&bi), NULL);
    CHECK_EQ(bi.nr_regions, BOOT_REGIONS_MAX);
    CHECK_EQ(bi.map.ram_left_out, 3 * PAGE_SIZE);
}

/* The type of the region at pa; 0 for none. */
static u32 type_at(u64 pa)
{
    for (u32 i = 0; i < bi.nr_regions; i++)
        if (pa >= bi.regions[i].base && pa - bi.regions[i].base < bi.regions[i].size)
            return bi.regions[i].type;
    return 0;
}

/*
 * Where most regions are not RAM, some of those are joined, with the stronger of their types: no
 * RAM is lost, also where it touches them.
 */
static void test_joined(void)
{
    enum { PAIRS = BOOT_REGIONS_MAX / 2 - 12, OTHERS = 100 };
    const u64 others = MIB(1) + PAIRS * 4 * PAGE_SIZE;

    memset(&bi, 0, sizeof(bi));
    for (u64 i = 0; i < PAIRS; i++) {
        boot_add_region(&bi, MIB(1) + i * 4 * PAGE_SIZE, PAGE_SIZE, BOOT_RESERVED);
        boot_add_region(&bi, MIB(1) + (i * 4 + 1) * PAGE_SIZE, PAGE_SIZE, BOOT_RAM);
    }
    for (u64 i = 0; i < OTHERS; i++)
        boot_add_region(&bi, others + i * 2 * PAGE_SIZE, PAGE_SIZE,
                        i % 2 ? BOOT_UNUSABLE : BOOT_ACPI);
    CHECK_STR(boot_memory_finish(&bi), NULL);
    check_form(&bi);
    CHECK(bi.nr_regions <= BOOT_REGIONS_MAX &&
          bi.map.joined >= 2 * PAIRS + OTHERS - BOOT_REGIONS_MAX);
    CHECK_EQ(bi.map.ram_left_out, 0);
    for (u64 i = 0; i < PAIRS; i++)
        CHECK_EQ(type_at(MIB(1) + (i * 4 + 1) * PAGE_SIZE), BOOT_RAM);
    for (u64 i = 0; i < OTHERS; i++)
        CHECK(type_at(others + i * 2 * PAGE_SIZE) >= (i % 2 ? BOOT_UNUSABLE : BOOT_ACPI));
}

#define WIDE_PAGES 16384ul

/*
 * Check that the map has RAM only where the truth has it, and at least `least` of it; the truth has
 * a cell for each page.
 */
static void check_against(const u8 *truth, u64 least)
{
    u64 kept = 0;

    CHECK_STR(boot_memory_finish(&bi), NULL);
    check_form(&bi);
    CHECK(bi.nr_regions <= BOOT_REGIONS_MAX);
    for (u32 i = 0; i < bi.nr_regions; i++) {
        const struct boot_region *r = &bi.regions[i];

        for (u64 pa = r->base; r->type == BOOT_RAM && pa < r->base + r->size; pa += PAGE_SIZE) {
            if (truth[pa / PAGE_SIZE] != BOOT_RAM)
                fail_at(__FILE__, __LINE__, "%#lx is not RAM but %u", pa, truth[pa / PAGE_SIZE]);
            kept++;
        }
    }
    CHECK(kept >= least);
}

/* Maps of thousands of regions, in any order, overlapping, with much or little RAM. */
static void test_crowded(void)
{
    static u8 truth[WIDE_PAGES];

    for (u32 ram_share = 1; ram_share <= 8; ram_share++) {
        const u64 longest = 1 + random_u64() % 8;

        memset(&bi, 0, sizeof(bi));
        memset(truth, 0, sizeof(truth));
        for (u32 i = 0; i < 3 * BOOT_REGIONS_MAX; i++) {
            const u64 first = random_u64() % (WIDE_PAGES - 8), pages = 1 + random_u64() % longest;
            const u32 type =
                random_u64() % 9 < ram_share ? BOOT_RAM : BOOT_RESERVED + (u32)(random_u64() % 4);

            boot_add_region(&bi, first * PAGE_SIZE, pages * PAGE_SIZE, type);
            for (u64 page = first; page < first + pages; page++)
                truth[page] = (u8)MAX(truth[page], type);
        }
        check_against(truth, 1);
    }
}

/* A region that is as large as all others together is kept, in any order of the regions. */
static void test_main_memory_kept(void)
{
    static u8 truth[WIDE_PAGES];

    for (u32 round = 0; round < 3; round++) {
        memset(&bi, 0, sizeof(bi));
        memset(truth, 0, sizeof(truth));
        for (u32 i = 0; i < 3000; i++) {
            const u32 type = i % (round + 2) ? BOOT_RESERVED : BOOT_RAM;

            if (i == round * 1400) {
                boot_add_region(&bi, 8192 * PAGE_SIZE, 8192 * PAGE_SIZE, BOOT_RAM);
                memset(truth + 8192, BOOT_RAM, 8192);
            }
            boot_add_region(&bi, i * 2 * PAGE_SIZE, PAGE_SIZE, type);
            truth[i * 2] = (u8)type;
        }
        check_against(truth, 8192);
    }
}

int main(void)
{
    RUN(test_merged);
    RUN(test_largest_kept);
    RUN(test_loaded_kept);
    RUN(test_too_many_loaded);
    RUN(test_joined);
    RUN(test_crowded);
    RUN(test_main_memory_kept);
    return finish("memory_full");
}
