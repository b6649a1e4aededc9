/* SPDX-License-Identifier: MIT */
/* Disks as the kernel has them (kernel/disk.h), tried on one in memory. */
#include "kernel/disk.h"
#include "lib/string.h"
#include "test/harness/ram_disk.h"
#include "test/harness/test.h"

/* Attach the disk in memory, and return it. */
static struct disk *attach(void)
{
    ram_disk_attach();
    for (u32 i = 0; i < disk_count(); i++)
        if (!strcmp(disk_get(i)->name, RAM_DISK_NAME))
            return disk_get(i);
    return NULL;
}

static void detach(struct disk *const *d)
{
    if (*d)
        ram_disk_detach();
}

#define ON_RAM_DISK(d) \
    struct disk *const d __attribute__((cleanup(detach))) = attach(); \
    REQUIRE(d)

enum { SECTOR = 512, PLACE = 1024, AREA = 4096 };

static u8 area[AREA], expected[AREA];

/* Fill the area, on the disk and in expected, with a pattern. */
static bool area_fill(struct disk *d)
{
    for (u32 i = 0; i < AREA; i++)
        expected[i] = (u8)(i * 7 + i / 256);
    return EXPECT_EQ(disk_write(d, PLACE, expected, AREA), 0);
}

static bool area_is_as_expected(struct disk *d)
{
    memset(area, 0x55, AREA);
    return EXPECT_EQ(disk_read(d, PLACE, area, AREA), 0) && EXPECT(!memcmp(area, expected, AREA));
}

TEST(disk, any_part_is_written_and_leaves_the_rest)
{
    ON_RAM_DISK(d);
    REQUIRE(area_fill(d));
    for (u32 at = 0; at < 2 * SECTOR; at += 37)
        for (u32 len = 1; at + len < AREA; len = len * 2 + at % 5) {
            memset(expected + at, (int)(at + len), len);
            EXPECT_EQ(disk_write(d, PLACE + at, expected + at, len), 0);
            REQUIRE(area_is_as_expected(d));
        }
}

TEST(disk, any_part_is_read)
{
    ON_RAM_DISK(d);
    REQUIRE(area_fill(d));
    for (u32 at = 0; at < 2 * SECTOR; at += 31)
        for (u32 len = 1; at + len < AREA - 1; len = len * 2 + 1) {
            memset(area, 0x55, AREA);
            EXPECT_EQ(disk_read(d, PLACE + at, area, len), 0);
            EXPECT(!memcmp(area, expected + at, len));
            REQUIRE(area[len] == 0x55);
        }
}

TEST(disk, ranges_outside_are_refused)
{
    ON_RAM_DISK(d);
    EXPECT_EQ(disk_read(d, RAM_DISK_SIZE - 1, area, 1), 0);
    EXPECT_EQ(disk_read(d, RAM_DISK_SIZE, area, 0), 0);
    EXPECT_EQ(disk_read(d, RAM_DISK_SIZE, area, 1), -ENXIO);
    EXPECT_EQ(disk_read(d, RAM_DISK_SIZE - 1, area, 2), -ENXIO);
    EXPECT_EQ(disk_write(d, RAM_DISK_SIZE - 1, area, 2), -ENXIO);
    EXPECT_EQ(disk_read(d, ~0ull, area, 2), -ENXIO);
    EXPECT_EQ(disk_write(d, SECTOR, area, ~0ull), -ENXIO);
    EXPECT_EQ(disk_discard(d, RAM_DISK_SIZE, SECTOR), -ENXIO);
    EXPECT_EQ(disk_discard(d, 1, SECTOR), -EINVAL);
    EXPECT_EQ(disk_discard(d, SECTOR, 1), -EINVAL);
}

TEST(disk, a_discard_is_of_its_range)
{
    ON_RAM_DISK(d);
    REQUIRE(area_fill(d));
    memset(expected + SECTOR, 0, 2 * SECTOR);
    EXPECT_EQ(disk_discard(d, PLACE + SECTOR, 2 * SECTOR), 0);
    area_is_as_expected(d);
    EXPECT_EQ(disk_flush(d), 0);
}

TEST(disk, a_disk_for_reading_is_not_changed)
{
    ON_RAM_DISK(d);
    REQUIRE(area_fill(d));
    d->readonly = true;
    EXPECT_EQ(disk_write(d, PLACE, area, SECTOR), -EROFS);
    EXPECT_EQ(disk_write(d, PLACE, area, 1), -EROFS);
    EXPECT_EQ(disk_discard(d, PLACE, SECTOR), -EROFS);
    area_is_as_expected(d);
}

TEST(disk, a_detached_disk_is_refused)
{
    u8 byte = 0;

    ON_RAM_DISK(d);
    ram_disk_detach();
    EXPECT_EQ(disk_read(d, 0, &byte, 1), -ENXIO);
    EXPECT_EQ(disk_read(d, 0, &byte, 0), -ENXIO);
    EXPECT_EQ(disk_write(d, 0, &byte, 1), -ENXIO);
    EXPECT_EQ(disk_flush(d), -ENXIO);
    EXPECT_EQ(disk_discard(d, 0, SECTOR), -ENXIO);
    EXPECT(!disk_get(disk_count()));
}

/* ---- Threads -------------------------------------------------------------------------------- */

enum { WRITERS = 4, BYTES = 64 };

struct byte_writer {
    struct disk *disk;
    u32 first;
    int error;
};

/* Write bytes of some sectors that other threads write at the same time. */
static void write_bytes(void *arg)
{
    struct byte_writer *w = arg;

    for (u32 i = w->first; i < BYTES && !w->error; i += WRITERS) {
        const u8 byte = (u8)(i + 1);

        w->error = disk_write(w->disk, PLACE + i * 9, &byte, 1);
    }
}

/* The writer of whole sectors runs beside the writers of parts, and its sectors are others. */
static void write_sectors(void *arg)
{
    struct byte_writer *w = arg;

    for (u32 i = 0; i < 8 && !w->error; i++) {
        memset(expected + 4 * SECTOR, (int)i, SECTOR);
        w->error = disk_write(w->disk, PLACE + 4 * SECTOR, expected + 4 * SECTOR, SECTOR);
    }
}

TEST(disk, parts_of_one_sector_by_several_threads_are_kept)
{
    struct byte_writer writers[WRITERS + 1];
    struct thread *threads[WRITERS + 1];

    ON_RAM_DISK(d);
    memset(expected, 0, AREA);
    EXPECT_EQ(disk_write(d, PLACE, expected, AREA), 0);
    for (u32 i = 0; i <= WRITERS; i++) {
        writers[i] = (struct byte_writer){.disk = d, .first = i};
        threads[i] = thread_start("writer", THREAD_ANY_CPU,
                                  i < WRITERS ? write_bytes : write_sectors, &writers[i]);
    }
    for (u32 i = 0; i <= WRITERS; i++) {
        REQUIRE(threads[i]);
        thread_join(threads[i]);
        EXPECT_EQ(writers[i].error, 0);
    }
    for (u32 i = 0; i < BYTES; i++)
        expected[i * 9] = (u8)(i + 1);
    area_is_as_expected(d);
    EXPECT_EQ(d->nr_writers, 0);
    EXPECT(!d->partial);
}
