/* SPDX-License-Identifier: MIT */
/*
 * Disks as files: /dev/xvda and so on. A read ends at the disk's end, where a write fails with
 * ENOSPC. A disk that is detached has the size 0, and its open files fail with ENXIO until it is
 * attached again.
 */
#include "lib/newlib/disks.h"

#include <errno.h>
#include <string.h>

#include "kernel/services.h"
#include "lib/newlib/fs/fs.h"

#define DISKS_MAX 16 /* more are not in /dev */

/* Guarded by the file system's lock; an element does not change once it was added. */
static struct fs_device disks[DISKS_MAX];
static unsigned known;

static off_t disk_measure(const struct fs_device *device)
{
    return (off_t)libc_disk_size((unsigned)device->context);
}

/* Return how many of len bytes at a position are inside the disk; -ENXIO if it is detached. */
static int bytes_inside(const struct fs_device *device, off_t at, size_t len)
{
    const off_t size = disk_measure(device);

    if (!size)
        return -ENXIO;
    return at >= size ? 0 : (off_t)len > size - at ? (int)(size - at) : (int)len;
}

static int disk_read(const struct fs_device *device, off_t at, void *to, size_t len)
{
    const int n = bytes_inside(device, at, len);
    const int error =
        n > 0 ? libc_disk_read((unsigned)device->context, (uint64_t)at, to, (size_t)n) : 0;

    return error ? error : n;
}

static int disk_write(const struct fs_device *device, off_t at, const void *from, size_t len)
{
    const int n = bytes_inside(device, at, len);
    const int error =
        n > 0 ? libc_disk_write((unsigned)device->context, (uint64_t)at, from, (size_t)n) : 0;

    return error ? error : n ? n : -ENOSPC;
}

static int disk_sync(const struct fs_device *device)
{
    return -libc_disk_flush((unsigned)device->context);
}

static int disk_add(unsigned index)
{
    disks[index] = (struct fs_device){.name = libc_disk_name(index),
                                      .kind = S_IFBLK,
                                      .read = disk_read,
                                      .write = disk_write,
                                      .measure = disk_measure,
                                      .sync = disk_sync,
                                      .context = index};
    return fs_add_device(&disks[index]);
}

void disks_update(void)
{
    while (known < libc_disks() && known < DISKS_MAX && disk_add(known) != ENOMEM)
        known++;
}
