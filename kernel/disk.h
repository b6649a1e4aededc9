/* SPDX-License-Identifier: MIT */
/*
 * Disks, by whatever driver: the kernel and programs read and write them here. A driver registers a
 * disk once, and it stays, under its name: one that is detached has the size 0, and may be attached
 * again with another size.
 *
 * Positions and lengths are in bytes. A part of a sector is written by reading the sector first; no
 * write of another thread is lost by that.
 */
#ifndef KERNEL_DISK_H
#define KERNEL_DISK_H

#include "kernel/thread.h"

#define DISKS_MAX     16
#define DISK_NAME_MAX 8

enum disk_op {
    DISK_READ,
    DISK_WRITE,
    DISK_FLUSH,   /* make what was written durable */
    DISK_DISCARD, /* forget the content */
};

/* at, len: whole sectors inside the disk; to or from: the memory, any address. */
struct disk_request {
    enum disk_op op;
    u64 at, len;
    u8 *to;
    const u8 *from;
};

struct disk {
    char name[DISK_NAME_MAX];
    /* Written: by the driver, whole words; size is 0 while the disk is not attached. */
    u64 size; /* bytes, whole sectors */
    u32 sector_size;
    bool readonly;
    /* Execute a request; return 0 or a negated error. Context: thread, interrupts enabled. */
    int (*transfer)(struct disk *disk, const struct disk_request *request);
    /* Guarded by: writers' lock. Writers of whole sectors, and whether one of a part writes. */
    struct wait_queue writers;
    u32 nr_writers;
    bool partial;
};

/* Add a disk whose name and transfer are set. Return false if there are DISKS_MAX. */
bool disk_register(struct disk *disk);

/* Return how many disks were registered, and one of them. */
u32 disk_count(void);
struct disk *disk_get(u32 index);

/*
 * Read, write, make durable, discard. Return 0; -ENXIO if the disk is not attached, or the range is
 * not inside of it; -EROFS for a change of a disk that may only be read; -EOPNOTSUPP if the disk
 * does not discard; -ENOMEM; or the driver's error, -EIO for instance, after which a part may have
 * been done. Context: thread, interrupts enabled, no spinlock held.
 */
int disk_read(struct disk *disk, u64 at, void *to, u64 len);
int disk_write(struct disk *disk, u64 at, const void *from, u64 len);
int disk_flush(struct disk *disk);
int disk_discard(struct disk *disk, u64 at, u64 len);

#endif
