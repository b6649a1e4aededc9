/* SPDX-License-Identifier: MIT */
/*
 * Disks (kernel/disk.h). A driver transfers whole sectors; here are the rest: what is registered,
 * the checks of ranges, and parts of sectors.
 *
 * A part of a sector is written in three steps: read the sector, change the part, write the sector.
 * A write of another thread to the same sector between the first and the third would be lost. So
 * such a write runs while no other write does; writes of whole sectors run beside each other.
 */
#include "kernel/disk.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "pv/errno.h"

/* Written: by disk_register, an element before the count, which Atomic: grows only. */
static struct disk *disks[DISKS_MAX];
static u32 count;
/* Guarded by: itself, for disk_register. */
static struct mutex register_mutex;

bool disk_register(struct disk *disk)
{
    bool fits;

    mutex_lock(&register_mutex);
    fits = count < DISKS_MAX;
    if (fits) {
        disks[count] = disk;
        __atomic_store_n(&count, count + 1, __ATOMIC_RELEASE);
    }
    mutex_unlock(&register_mutex);
    return fits;
}

u32 disk_count(void)
{
    return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

struct disk *disk_get(u32 index)
{
    return index < disk_count() ? disks[index] : NULL;
}

/* ---- Writers -------------------------------------------------------------------------------- */

static void writer_begin(struct disk *d, bool partial)
{
    u64 flags = spin_lock_irqsave(&d->writers.lock);

    while (d->partial || (partial && d->nr_writers))
        flags = wait_on(&d->writers, flags);
    d->partial = partial;
    d->nr_writers += !partial;
    spin_unlock_irqrestore(&d->writers.lock, flags);
}

static void writer_end(struct disk *d, bool partial)
{
    const u64 flags = spin_lock_irqsave(&d->writers.lock);

    d->partial = false;
    d->nr_writers -= !partial;
    wake_all_locked(&d->writers);
    spin_unlock_irqrestore(&d->writers.lock, flags);
}

/* ---- Ranges --------------------------------------------------------------------------------- */

/* A range that is split into the part of a sector at its start, whole sectors, and a part at its
 * end.
 */
struct split {
    u64 head, middle, tail; /* bytes */
};

static struct split split_range(const struct disk *d, u64 at, u64 len)
{
    const u32 sector = d->sector_size;
    struct split s = {.head = MIN((sector - at % sector) % sector, len)};

    s.tail = (len - s.head) % sector;
    s.middle = len - s.head - s.tail;
    return s;
}

/* A disk may be detached at any time; then the driver refuses the transfer. */
static int check_range(const struct disk *d, u64 at, u64 len)
{
    const u64 size = READ_ONCE(d->size);

    return size && at <= size && len <= size - at ? 0 : -ENXIO;
}

/* Read the sector that holds at into memory of its own, which the caller frees. */
static int sector_read(struct disk *d, u64 at, u8 **sector)
{
    struct disk_request r = {.op = DISK_READ, .at = ALIGN_DOWN(at, (u64)d->sector_size)};
    int error;

    *sector = r.to = kmalloc(d->sector_size);
    if (!r.to)
        return -ENOMEM;
    r.len = d->sector_size;
    error = d->transfer(d, &r);
    if (error)
        kfree(r.to);
    return error;
}

/* Read or write a part of one sector. One of to and from is NULL. */
static int transfer_part(struct disk *d, u64 at, u8 *to, const u8 *from, u64 len)
{
    struct disk_request r = {.op = DISK_WRITE, .at = ALIGN_DOWN(at, (u64)d->sector_size)};
    u8 *sector;
    int error;

    if (!len)
        return 0;
    error = sector_read(d, at, &sector);
    if (error)
        return error;
    if (to)
        memcpy(to, sector + (at - r.at), len);
    else
        memcpy(sector + (at - r.at), from, len);
    r.from = sector;
    r.len = d->sector_size;
    if (from)
        error = d->transfer(d, &r);
    kfree(sector);
    return error;
}

static int transfer_range(struct disk *d, u64 at, u8 *to, const u8 *from, u64 len)
{
    const struct split s = split_range(d, at, len);
    const u64 end = s.head + s.middle;
    const struct disk_request middle = {.op = to ? DISK_READ : DISK_WRITE,
                                        .at = at + s.head,
                                        .len = s.middle,
                                        .to = to ? to + s.head : NULL,
                                        .from = from ? from + s.head : NULL};
    int error = transfer_part(d, at, to, from, s.head);

    if (!error && s.middle)
        error = d->transfer(d, &middle);
    if (!error)
        error = transfer_part(d, at + end, to ? to + end : NULL, from ? from + end : NULL, s.tail);
    return error;
}

int disk_read(struct disk *d, u64 at, void *to, u64 len)
{
    const int error = check_range(d, at, len);

    return error ? error : transfer_range(d, at, to, NULL, len);
}

int disk_write(struct disk *d, u64 at, const void *from, u64 len)
{
    int error = check_range(d, at, len);
    struct split s;
    bool partial;

    if (error)
        return error;
    if (d->readonly)
        return -EROFS;
    s = split_range(d, at, len);
    partial = s.head || s.tail;
    writer_begin(d, partial);
    error = transfer_range(d, at, NULL, from, len);
    writer_end(d, partial);
    return error;
}

int disk_flush(struct disk *d)
{
    const struct disk_request r = {.op = DISK_FLUSH};

    return READ_ONCE(d->size) ? d->transfer(d, &r) : -ENXIO;
}

int disk_discard(struct disk *d, u64 at, u64 len)
{
    const struct disk_request r = {.op = DISK_DISCARD, .at = at, .len = len};
    const int error = check_range(d, at, len);

    if (error)
        return error;
    if (d->readonly)
        return -EROFS;
    if (at % d->sector_size || len % d->sector_size)
        return -EINVAL;
    return d->transfer(d, &r);
}
