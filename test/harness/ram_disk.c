/* SPDX-License-Identifier: MIT */
/* A disk in memory (test/harness/ram_disk.h). It yields in each transfer, so that threads meet. */
#include "test/harness/ram_disk.h"
#include "kernel/disk.h"
#include "lib/string.h"
#include "pv/errno.h"

static u8 bytes[RAM_DISK_SIZE];

static int ram_disk_transfer(struct disk *d, const struct disk_request *r)
{
    if (r->at % d->sector_size || r->len % d->sector_size || r->at + r->len > sizeof(bytes))
        return -EINVAL;
    thread_yield();
    if (r->op == DISK_READ)
        memcpy(r->to, bytes + r->at, r->len);
    else if (r->op == DISK_WRITE)
        memcpy(bytes + r->at, r->from, r->len);
    else if (r->op == DISK_DISCARD)
        memset(bytes + r->at, 0, r->len);
    thread_yield();
    return 0;
}

static struct disk disk = {
    .name = RAM_DISK_NAME, .sector_size = 512, .transfer = ram_disk_transfer};

void ram_disk_attach(void)
{
    static bool registered;

    if (!registered)
        registered = disk_register(&disk);
    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, SCRATCH_MARK, sizeof(SCRATCH_MARK));
    disk.readonly = false;
    disk.size = registered ? sizeof(bytes) : 0;
}

void ram_disk_detach(void)
{
    disk.size = 0;
}
