/* SPDX-License-Identifier: MIT */
/*
 * Disks against the host's own backend (kernel/disk.h, drivers/block.h). The tests overwrite a disk
 * only if it begins with SCRATCH_MARK, which ./run.sh writes to the disks of --disk 8M.
 */
#include "drivers/block.h"
#include "kernel/smp.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "test/harness/ram_disk.h"
#include "test/harness/test.h"

enum {
    START = 4096,           /* what is before it belongs to the mark */
    SIZE_MIN = 1024 * 1024, /* of a scratch disk */
    REGION = 700 * 1024,    /* that the tests use */
};

static u8 pattern_byte(u64 at, u32 seed)
{
    return (u8)(at * 7 + at / 251 + seed * 31);
}

static void pattern_fill(u8 *to, u64 at, u64 len, u32 seed)
{
    for (u64 i = 0; i < len; i++)
        to[i] = pattern_byte(at + i, seed);
}

/* Return how many bytes are not those of the pattern. */
static u64 pattern_wrong(const u8 *bytes, u64 at, u64 len, u32 seed)
{
    u64 wrong = 0;

    for (u64 i = 0; i < len; i++)
        wrong += bytes[i] != pattern_byte(at + i, seed);
    return wrong;
}

static bool is_scratch(struct disk *d)
{
    char start[sizeof(SCRATCH_MARK)] = "";

    return d->size >= SIZE_MIN && !disk_read(d, 0, start, sizeof(start) - 1) &&
           !strcmp(start, SCRATCH_MARK);
}

static struct disk *scratch_find(bool readonly)
{
    for (u32 i = 0; i < disk_count(); i++) {
        struct disk *d = disk_get(i);

        if (d->readonly == readonly && is_scratch(d))
            return d;
    }
    return NULL;
}

#define SCRATCH_DISK(d) \
    struct disk *const d = scratch_find(false); \
    if (!d) \
    SKIP("no scratch disk is attached (./run.sh ... --disk 8M)")

/* Memory for a test's data; freed at the end of the scope. */
static void free_bytes(u8 *const *bytes)
{
    kfree(*bytes);
}

#define BYTES(name, size) \
    u8 *const name __attribute__((cleanup(free_bytes))) = kmalloc(size); \
    REQUIRE(name)

/* Each length, at each alignment of the memory, as a whole and beside other data. */
TEST(block, what_is_written_is_read)
{
    static const u32 lengths[] = {512,   1024,  4096,       4608,
                                  45056, 45568, 128 * 1024, 300 * 1024 + 512};

    SCRATCH_DISK(d);
    BYTES(written, REGION);
    BYTES(read, REGION);
    for (u32 i = 0; i < ARRAY_SIZE(lengths); i++) {
        const u32 len = lengths[i], shift = i * 3 % 16;
        const u64 at = START + i * 1536;

        pattern_fill(written + shift, at, len, i);
        memset(read, 0x55, REGION);
        EXPECT_EQ(disk_write(d, at, written + shift, len), 0);
        EXPECT_EQ(disk_read(d, at, read + shift + 1, len), 0);
        EXPECT_EQ(pattern_wrong(read + shift + 1, at, len, i), 0);
        EXPECT_EQ(read[shift], 0x55);
        EXPECT_EQ(read[shift + 1 + len], 0x55);
    }
}

/* Every sector of a long range is at its own place, also when it is read in other pieces. */
TEST(block, a_long_range_is_whole)
{
    SCRATCH_DISK(d);
    BYTES(bytes, REGION);
    pattern_fill(bytes, START, REGION, 99);
    EXPECT_EQ(disk_write(d, START, bytes, REGION), 0);
    memset(bytes, 0, REGION);
    for (u64 at = 0; at < REGION; at += 20 * 1024)
        EXPECT_EQ(disk_read(d, START + at, bytes + at, 20 * 1024), 0);
    EXPECT_EQ(pattern_wrong(bytes, START, REGION, 99), 0);
}

TEST(block, parts_of_sectors_leave_the_rest)
{
    static const struct {
        u32 at, len;
    } parts[] = {{1, 1}, {511, 2}, {100, 1500}, {512, 3}, {1023, 513}, {5, 6000}};
    enum { AREA = 8192 };

    SCRATCH_DISK(d);
    BYTES(expected, AREA);
    BYTES(read, AREA);
    pattern_fill(expected, START, AREA, 1);
    EXPECT_EQ(disk_write(d, START, expected, AREA), 0);
    for (u32 i = 0; i < ARRAY_SIZE(parts); i++) {
        pattern_fill(expected + parts[i].at, 0, parts[i].len, 50 + i);
        EXPECT_EQ(disk_write(d, START + parts[i].at, expected + parts[i].at, parts[i].len), 0);
        EXPECT_EQ(disk_read(d, START, read, AREA), 0);
        EXPECT(!memcmp(read, expected, AREA));
        EXPECT_EQ(disk_read(d, START + parts[i].at, read, parts[i].len), 0);
        EXPECT_EQ(pattern_wrong(read, 0, parts[i].len, 50 + i), 0);
    }
}

TEST(block, ranges_outside_are_refused)
{
    u8 byte = 0;

    SCRATCH_DISK(d);
    BYTES(bytes, 2 * START);
    EXPECT_EQ(disk_read(d, d->size, &byte, 1), -ENXIO);
    EXPECT_EQ(disk_write(d, d->size - 512, bytes, 513), -ENXIO);
    EXPECT_EQ(disk_read(d, ~0ull, bytes, 2), -ENXIO);
    EXPECT_EQ(disk_read(d, 512, bytes, ~0ull), -ENXIO);
    EXPECT_EQ(disk_discard(d, d->size, 512), -ENXIO);
    EXPECT_EQ(disk_discard(d, START, 100), -EINVAL);
    EXPECT_EQ(disk_read(d, d->size, &byte, 0), 0);
    pattern_fill(bytes, 0, 512, 3);
    EXPECT_EQ(disk_write(d, d->size - 512, bytes, 512), 0);
    EXPECT_EQ(disk_read(d, d->size - 512, bytes + 512, 512), 0);
    EXPECT_EQ(pattern_wrong(bytes + 512, 0, 512, 3), 0);
}

TEST(block, flush_and_discard_are_done)
{
    SCRATCH_DISK(d);
    BYTES(bytes, 3 * START);
    pattern_fill(bytes, 0, 3 * START, 4);
    EXPECT_EQ(disk_write(d, START, bytes, 3 * START), 0);
    EXPECT_EQ(disk_flush(d), 0);
    EXPECT_EQ(disk_discard(d, 2 * START, START),
              container_of(d, struct block, disk)->discards ? 0 : -EOPNOTSUPP);
    EXPECT_EQ(disk_read(d, START, bytes, 3 * START), 0);
    EXPECT_EQ(pattern_wrong(bytes, 0, START, 4), 0);
    EXPECT_EQ(pattern_wrong(bytes + 2 * START, 2 * START, START, 4), 0);
}

TEST(block, a_disk_for_reading_is_not_written)
{
    struct disk *const d = scratch_find(true);
    u8 bytes[512];

    if (!d)
        SKIP("no read-only scratch disk is attached (./run.sh ... --disk 8M:ro)");
    EXPECT_EQ(disk_read(d, START, bytes, sizeof(bytes)), 0);
    EXPECT_EQ(disk_write(d, START, bytes, sizeof(bytes)), -EROFS);
    EXPECT_EQ(disk_discard(d, START, 512), -EROFS);
    EXPECT_EQ(disk_flush(d), 0);
}

TEST(block, a_transfer_leaves_no_request_and_no_page_in_use)
{
    struct block *b;

    SCRATCH_DISK(d);
    BYTES(bytes, REGION);
    b = container_of(d, struct block, disk);
    EXPECT_EQ(disk_read(d, START, bytes, REGION), 0);
    EXPECT_EQ(b->nr_sent, 0);
    EXPECT_EQ(b->nr_used_slots, 0);
    EXPECT_EQ(b->nr_free_pages, BLOCK_POOL_PAGES);
}

/* ---- Several threads ------------------------------------------------------------------------ */

enum { WRITERS = 4, ROUNDS = 24, SLICE = 96 * 1024 };

struct writer {
    struct disk *disk;
    u32 number, done;
    int error;
    u64 end; /* with soak=: when to end */
    u64 wrong;
    u32 attached_again;
    u8 *bytes;
};

/*
 * Repeat a transfer that a detach has ended until the disk is attached again, which a step of the
 * runner does. Nothing else may make a transfer fail.
 */
static int persist(struct writer *w, int (*transfer)(const struct writer *w))
{
    struct time_limit limit = time_limit(60 * NS_PER_S);
    int error = transfer(w);

    while ((error == -ENXIO || error == -EIO) && soak_share_ns && !time_limit_reached(&limit)) {
        sleep_until(pv_clock_ns() + NS_PER_MS);
        w->attached_again += w->disk->size && error == -ENXIO;
        error = transfer(w);
    }
    return error;
}

static u64 writer_place(const struct writer *w)
{
    return START + (u64)w->number * SLICE + w->done % 3 * 512;
}

static u32 writer_len(const struct writer *w)
{
    return 1024 + (w->done * 7 + w->number) % 90 * 1000;
}

static int writer_write(const struct writer *w)
{
    pattern_fill(w->bytes, 0, writer_len(w), w->done * WRITERS + w->number);
    return disk_write(w->disk, writer_place(w), w->bytes, writer_len(w));
}

static int writer_read(const struct writer *w)
{
    memset(w->bytes, 0, writer_len(w));
    return disk_read(w->disk, writer_place(w), w->bytes, writer_len(w));
}

static int writer_flush(const struct writer *w)
{
    return disk_flush(w->disk);
}

/* The runner's step ends a long run by a node. */
static bool writer_is_over(const struct writer *w)
{
    char value[8];

    if (w->done < ROUNDS)
        return false;
    return pv_clock_ns() >= w->end ||
           (w->done % 8 == 0 &&
            xenstore_read(XENSTORE_NO_TRANSACTION, "data/enough", value, sizeof(value)) >= 0);
}

static void writer_run(void *arg)
{
    struct writer *w = arg;

    for (; !w->error && !writer_is_over(w); w->done++) {
        w->error = persist(w, writer_write);
        if (!w->error && w->done % 8 == 0)
            w->error = persist(w, writer_flush);
        if (!w->error)
            w->error = persist(w, writer_read);
        w->wrong += pattern_wrong(w->bytes, 0, writer_len(w), w->done * WRITERS + w->number);
    }
}

/*
 * Threads write and read beside each other, at lengths that are not whole sectors. With soak= a
 * step of the runner detaches and attaches the disk, and saves and restores the machine.
 */
SOAK_TEST(block, threads_lose_nothing)
{
    static struct writer writers[WRITERS];
    struct thread *threads[WRITERS];
    u32 rounds = 0;

    SCRATCH_DISK(d);
    for (u32 i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){
            .disk = d, .number = i, .end = pv_clock_ns() + soak_share_ns, .bytes = kmalloc(SLICE)};
        REQUIRE(writers[i].bytes);
        threads[i] = thread_start("writer", THREAD_ANY_CPU, writer_run, &writers[i]);
    }
    for (u32 i = 0; i < WRITERS; i++) {
        REQUIRE(threads[i]);
        thread_join(threads[i]);
        kfree(writers[i].bytes);
        rounds += writers[i].done;
        EXPECT(writers[i].done >= ROUNDS);
        EXPECT_EQ(writers[i].error, 0);
        EXPECT_EQ(writers[i].wrong, 0);
    }
    print("# block: %u rounds, each written and read\n", rounds);
}

/* Two threads write the odd and the even bytes of the same sectors. */
struct weaver {
    struct disk *disk;
    u32 first;
    int error;
};

enum { WOVEN = 64 };

static void weaver_run(void *arg)
{
    struct weaver *w = arg;

    for (u32 i = w->first; i < WOVEN && !w->error; i += 2) {
        const u8 byte = (u8)(i + 1);

        w->error = disk_write(w->disk, START + i * 9, &byte, 1);
    }
}

TEST(block, parts_of_one_sector_by_two_threads_are_kept)
{
    struct weaver weavers[2] = {{.first = 0}, {.first = 1}};
    struct thread *threads[2];

    SCRATCH_DISK(d);
    BYTES(bytes, START);
    memset(bytes, 0, START);
    EXPECT_EQ(disk_write(d, START, bytes, START), 0);
    for (u32 i = 0; i < 2; i++) {
        weavers[i].disk = d;
        threads[i] = thread_start("weaver", THREAD_ANY_CPU, weaver_run, &weavers[i]);
    }
    for (u32 i = 0; i < 2; i++) {
        REQUIRE(threads[i]);
        thread_join(threads[i]);
        EXPECT_EQ(weavers[i].error, 0);
    }
    EXPECT_EQ(disk_read(d, START, bytes, START), 0);
    for (u32 i = 0; i < START; i++)
        EXPECT_EQ(bytes[i], i % 9 == 0 && i / 9 < WOVEN ? i / 9 + 1 : 0);
}
