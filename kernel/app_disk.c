/* SPDX-License-Identifier: MIT */
/* Disks for programs: services on kernel/disk.h. Their error numbers are newlib's, too. */
#include "kernel/disk.h"
#include "kernel/services.h"

unsigned libc_disks(void)
{
    return disk_count();
}

const char *libc_disk_name(unsigned index)
{
    return disk_get(index)->name;
}

uint64_t libc_disk_size(unsigned index)
{
    return READ_ONCE(disk_get(index)->size);
}

int libc_disk_read(unsigned index, uint64_t at, void *to, size_t len)
{
    return disk_read(disk_get(index), at, to, len);
}

int libc_disk_write(unsigned index, uint64_t at, const void *from, size_t len)
{
    return disk_write(disk_get(index), at, from, len);
}

int libc_disk_flush(unsigned index)
{
    return disk_flush(disk_get(index));
}
