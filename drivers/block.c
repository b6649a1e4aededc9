/* SPDX-License-Identifier: MIT */
/*
 * How a disk is attached and detached (drivers/block.h): the connection to its backend, its
 * properties, and suspends. The xenbus thread calls all of this, one function at a time.
 *
 * Grants. The backend unmaps the ring and the pool when it closes, which is after disconnect. So
 * block_release ends the grants, at each change of the backend's state, until none is left.
 */
#include "drivers/block.h"
#include "kernel/console.h"
#include "kernel/driver.h"
#include "kernel/irq.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "pv/pv.h"

/* How long a backend may take to finish what is outstanding when the disk is closed or suspended.
 */
#define DRAIN_NS (20 * NS_PER_S)

#define LOST_RINGS_MAX 8
#define SECTOR_MAX     4096u

/* ---- Memory and grants ---------------------------------------------------------------------- */

static bool ring_alloc(struct block *b)
{
    const pfn_t first = frame_alloc(BLOCK_RING_ORDER_MAX, FRAME_ZEROED, FRAME_KERNEL);

    if (first.n == PFN_INVALID.n)
        return false;
    for (u32 i = 0; i < BLOCK_RING_PAGES; i++)
        b->ring_pages[i] = (struct granted_page){PFN(first.n + i), GRANTED_NONE, false};
    return true;
}

static bool block_release(struct xenbus_device *d)
{
    struct block *b = d->data;

    return !(granted_take_back(b->ring_pages, BLOCK_RING_PAGES) +
             granted_take_back(b->pool, BLOCK_POOL_PAGES));
}

/* Leave a ring to a backend that has not unmapped it, and allocate another. */
static bool ring_replace(struct block *b)
{
    if (b->lost_rings == LOST_RINGS_MAX)
        return false;
    b->lost_rings++;
    log_warn("block: %s: domain %u keeps a ring mapped; its %u pages are lost", b->disk.name,
             b->granted_to, BLOCK_RING_PAGES);
    return ring_alloc(b);
}

/* Grant the ring and what can be granted of the pool. */
static int grant_all(struct block *b, u32 domain, u32 ring_pages)
{
    const u32 before = b->granted_to;
    u32 usable;

    if (granted_take_back(b->ring_pages, BLOCK_RING_PAGES) && !ring_replace(b))
        return -EBUSY;
    b->granted_to = domain;
    if (granted_give_all(b->ring_pages, ring_pages, domain, before, PV_GRANT_WRITE) < ring_pages)
        return -ENOSPC;
    usable = granted_give_all(b->pool, BLOCK_POOL_PAGES, domain, before, PV_GRANT_WRITE);
    return usable > BLOCK_DIRECT_MAX ? 0 : -ENOSPC;
}

/* ---- Connect -------------------------------------------------------------------------------- */

static int line_open(struct block *b, u32 domain)
{
    const int line = pv_evtchn_alloc(domain);
    int error;

    if (line < 0)
        return line;
    error = irq_request((u32)line, block_interrupt, b);
    if (error)
        pv_irq_unbind((u32)line);
    else
        b->line = (u32)line;
    return error;
}

static int publish_ring(u32 tx, const struct block *b, u32 order)
{
    int error = 0;

    if (!order)
        return xenbus_write(tx, b->device, "ring-ref", (u64)b->ring_pages[0].ref);
    for (u32 i = 0; i < 1u << order && !error; i++) {
        char name[12];

        ksnprintf(name, sizeof(name), "ring-ref%u", i);
        error = xenbus_write(tx, b->device, name, (u64)b->ring_pages[i].ref);
    }
    return error ? error : xenbus_write(tx, b->device, "ring-page-order", order);
}

struct publication {
    const struct block *b;
    u32 order;
};

static int publish(u32 tx, void *arg)
{
    const struct publication *p = arg;
    const struct xenbus_device *d = p->b->device;
    char path[XENBUS_PATH_MAX];
    int error = publish_ring(tx, p->b, p->order);

    if (!error)
        error = xenbus_write(tx, d, "event-channel", (u64)pv_evtchn_port(p->b->line));
    if (!error)
        error = xenbus_write(tx, d, "feature-persistent", 1);
    ksnprintf(path, sizeof(path), "%s/protocol", d->path);
    return error ? error : xenstore_write(tx, path, "x86_64-abi");
}

/* A restored disk keeps its slots; all others begin without any that waits. */
static int block_connect(struct xenbus_device *d)
{
    struct block *b = d->data;
    const u32 order =
        (u32)MIN(xenbus_backend_number(d, "max-ring-page-order", 0), (u64)BLOCK_RING_ORDER_MAX);
    struct publication publication = {b, order};
    int error = grant_all(b, d->domain, 1u << order);

    b->line = BLOCK_NO_LINE;
    if (error)
        return error;
    ring_init(&b->ring, pfn_to_va(b->ring_pages[0].pfn), (u32)PAGE_SIZE << order,
              sizeof(struct block_request));
    b->nr_slots = MIN(b->ring.size, (u32)BLOCK_REQUESTS_MAX);
    error = line_open(b, d->domain);
    return error ? error : xenstore_transaction(publish, &publication);
}

/* ---- Properties ----------------------------------------------------------------------------- */

/* The size is in sectors of 512 bytes, as Linux's blkback has it, whatever the disk's sectors are.
 */
static int read_size(const struct xenbus_device *d, struct disk *disk)
{
    const u64 sectors = xenbus_backend_number(d, "sectors", 0);
    const u64 sector_size = xenbus_backend_number(d, "sector-size", BLOCK_SECTOR);

    if (!sectors || sectors >= 1ull << 54 || sector_size < BLOCK_SECTOR ||
        sector_size > SECTOR_MAX || sector_size & (sector_size - 1)) {
        log_warn("block: %s: %llu sectors of %llu bytes are not a disk", disk->name,
                 (unsigned long long)sectors, (unsigned long long)sector_size);
        return -EINVAL;
    }
    disk->readonly = xenbus_backend_number(d, "info", 0) & BLOCK_INFO_READONLY;
    disk->sector_size = (u32)sector_size;
    WRITE_ONCE(disk->size, ALIGN_DOWN(sectors * BLOCK_SECTOR, sector_size));
    return 0;
}

static bool offers(const struct xenbus_device *d, const char *feature)
{
    return xenbus_backend_number(d, feature, 0) == 1;
}

static void read_features(const struct xenbus_device *d, struct block *b)
{
    const u64 indirect = xenbus_backend_number(d, "feature-max-indirect-segments", 0);

    b->segments_max = (u32)MAX(MIN(indirect, (u64)BLOCK_SEGMENTS_MAX), (u64)BLOCK_DIRECT_MAX);
    b->flushes = offers(d, "feature-flush-cache");
    b->barriers = offers(d, "feature-barrier");
    b->discards = offers(d, "feature-discard");
    b->persistent = offers(d, "feature-persistent");
}

static void report(const struct block *b)
{
    log_info("block: %s: %llu KiB%s, served by domain %u; %u requests of up to %u KiB%s%s%s%s",
             b->disk.name, (unsigned long long)(b->disk.size / KIB(1)),
             b->disk.readonly ? ", read-only" : "", b->granted_to, b->nr_slots,
             b->segments_max * (u32)(PAGE_SIZE / KIB(1)), b->flushes ? ", flush" : "",
             b->barriers ? ", barrier" : "", b->discards ? ", discard" : "",
             b->persistent ? ", persistent grants" : "");
}

static int block_finish(struct xenbus_device *d)
{
    struct block *b = d->data;
    const int error = read_size(d, &b->disk);
    u64 flags;

    if (error)
        return error;
    if (!b->registered && !disk_register(&b->disk)) {
        log_warn("block: %s: not used, because there are %u disks", b->disk.name, DISKS_MAX);
        return -ENOSPC;
    }
    b->registered = true;
    read_features(d, b); /* no transfer uses them before the state is UP */
    flags = block_lock(b);
    block_pages_list(b);
    b->state = BLOCK_UP;
    b->held = false;
    block_send_ready(b);
    wake_all_locked(&b->queue);
    block_unlock(b, flags);
    report(b);
    return 0;
}

/* ---- Disconnect ----------------------------------------------------------------------------- */

static void line_close(struct block *b)
{
    if (b->line == BLOCK_NO_LINE)
        return;
    irq_release(b->line);
    pv_irq_unbind(b->line);
    b->line = BLOCK_NO_LINE;
}

static void set_state(struct block *b, enum block_state state)
{
    const u64 flags = block_lock(b);

    b->state = state;
    wake_all_locked(&b->queue);
    block_unlock(b, flags);
}

static void block_disconnect(struct xenbus_device *d, bool lost)
{
    struct block *b = d->data;
    const bool was_up = b->state == BLOCK_UP;
    u64 flags;

    set_state(b, BLOCK_CLOSING);
    if (!lost && !block_drain(b, DRAIN_NS))
        log_warn("block: %s: the backend does not finish what is outstanding", b->disk.name);
    line_close(b);
    WRITE_ONCE(b->disk.size, 0);
    flags = block_lock(b);
    block_fail_all(b, -EIO);
    b->state = BLOCK_ABSENT;
    block_unlock(b, flags);
    if (was_up)
        log_info("block: %s: detached", b->disk.name);
}

/* ---- Suspend -------------------------------------------------------------------------------- */

static void block_hold(struct xenbus_device *d)
{
    struct block *b = d->data;
    const u64 flags = block_lock(b);

    b->held = true;
    block_unlock(b, flags);
    if (!block_drain(b, DRAIN_NS))
        log_warn("block: %s: requests are outstanding, and are repeated if the machine is restored",
                 b->disk.name);
}

static void block_resume(struct xenbus_device *d)
{
    struct block *b = d->data;
    const u64 flags = block_lock(b);

    b->held = false;
    block_send_ready(b);
    wake_all_locked(&b->queue);
    block_unlock(b, flags);
}

/* The line and the grants were the old domain's. A disk that was being closed stays closed. */
static void block_restored(struct xenbus_device *d)
{
    struct block *b = d->data;
    u64 flags;

    b->line = BLOCK_NO_LINE;
    flags = block_lock(b);
    granted_forget(b->ring_pages, BLOCK_RING_PAGES);
    granted_forget(b->pool, BLOCK_POOL_PAGES);
    block_resend(b);
    if (b->state == BLOCK_UP)
        b->state = BLOCK_EXPECTED;
    b->held = false;
    block_unlock(b, flags);
}

/* ---- Add ------------------------------------------------------------------------------------ */

static struct block *block_new(const char *name)
{
    struct block *b = kzalloc(sizeof(*b));

    if (!b)
        return NULL;
    if (!granted_alloc(b->pool, BLOCK_POOL_PAGES) || !ring_alloc(b)) {
        kfree(b);
        return NULL;
    }
    str_copy(b->disk.name, name, sizeof(b->disk.name));
    b->disk.sector_size = BLOCK_SECTOR;
    b->disk.transfer = block_transfer;
    b->line = BLOCK_NO_LINE;
    return b;
}

static bool block_add(struct xenbus_device *d)
{
    char name[BLOCK_NAME_MAX];
    struct block *b;

    if (!block_name(d->number, name)) {
        log_warn("block: virtual disk %llu is not used: its number is not that of an xvd disk; "
                 "use vdev=xvda",
                 (unsigned long long)d->number);
        return false;
    }
    b = block_new(name);
    if (!b) {
        log_warn("block: %s is not used: no memory", name);
        return false;
    }
    b->device = d;
    d->data = b;
    return true;
}

const struct xenbus_driver block_driver = {
    .class = "vbd",
    .published = XENBUS_INITIALISED,
    .add = block_add,
    .connect = block_connect,
    .finish = block_finish,
    .disconnect = block_disconnect,
    .release = block_release,
    .hold = block_hold,
    .resume = block_resume,
    .restored = block_restored,
};

/* Written: at boot. */
static struct xenbus_class block_class = {.driver = &block_driver};

static const char *block_start(void)
{
    xenbus_register(&block_class);
    return NULL;
}

DRIVER(block, DRIVER_DEVICE, block_start);
