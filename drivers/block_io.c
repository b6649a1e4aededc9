/* SPDX-License-Identifier: MIT */
/*
 * Transfers of a disk (drivers/block.h): from a request of kernel/disk.c to slots, and back.
 * block_transfer is the thread's part, block_interrupt takes the backend's answers.
 */
#include "drivers/block.h"
#include "drivers/deadline.h"
#include "kernel/console.h"
#include "lib/string.h"
#include "pv/pv.h"

/* ---- Answers -------------------------------------------------------------------------------- */

static int error_of_status(int16_t status)
{
    return status == BLOCK_OKAY ? 0 : status == BLOCK_UNSUPPORTED ? -EOPNOTSUPP : -EIO;
}

/* Take all responses that are there. Return -EIO if the backend breaks the protocol. */
static int take_responses(struct block *b, const char **why)
{
    int16_t status;
    int taken;
    u32 id;

    do {
        while ((taken = block_take_response(&b->ring, &b->sent, &id, &status, why)) > 0) {
            b->nr_sent--;
            b->completions++;
            block_slot_finish(b, &b->slots[id], error_of_status(status));
        }
    } while (!taken && ring_rearm(&b->ring));
    return taken;
}

/* Stop listening to a backend that breaks the protocol; the xenbus thread then closes the disk. */
static void connection_break(struct block *b)
{
    b->state = BLOCK_CLOSING;
    pv_irq_mask(b->line);
    block_fail_all(b, -EIO);
    WRITE_ONCE(b->device->broken, true);
}

void block_interrupt(void *data)
{
    struct block *b = data;
    const u64 flags = block_lock(b);
    const char *why = NULL;
    int error = 0;

    if (b->state == BLOCK_UP || b->state == BLOCK_CLOSING)
        error = take_responses(b, &why);
    if (error)
        connection_break(b);
    block_send_ready(b);
    wake_all_locked(&b->queue);
    block_unlock(b, flags);
    if (!error)
        return;
    log_warn("block: %s: the backend is faulty: %s; the disk is closed", b->disk.name, why);
    xenbus_kick();
}

bool block_drain(struct block *b, u64 ns)
{
    struct deadline d;
    bool drained;
    u64 flags;

    deadline_start(&d, &b->queue, ns);
    flags = block_lock(b);
    while (b->nr_sent && !d.passed)
        flags = wait_on(&b->queue, flags);
    drained = !b->nr_sent;
    block_unlock(b, flags);
    deadline_stop(&d);
    return drained;
}

/* ---- Transfers ------------------------------------------------------------------------------ */

/* How long a transfer waits without any completion. */
struct patience {
    struct deadline deadline;
    bool started;
    u64 completions;
};

static void patience_begin(struct block *b, struct patience *p)
{
    p->started = true;
    p->completions = b->completions;
    deadline_start(&p->deadline, &b->queue, BLOCK_PATIENCE_NS);
}

/* Sleep until something changes. Return 0, or -ETIME if nothing has for too long. */
static int wait_for_change(struct block *b, struct patience *p, u64 *flags)
{
    if (!p->started) {
        block_unlock(b, *flags);
        patience_begin(b, p);
        *flags = block_lock(b);
        return 0; /* it may have changed in between */
    }
    if (!p->deadline.passed) {
        *flags = wait_on(&b->queue, *flags);
        return 0;
    }
    if (p->completions == b->completions)
        return -ETIME;
    p->started = false;
    return 0;
}

static u8 *page_bytes(const struct block *b, u16 page)
{
    return pfn_to_va(b->pool[page].pfn);
}

static void copy_in(const struct block *b, const struct block_slot *s, const u8 *from)
{
    u64 left = s->count * BLOCK_SECTOR;

    for (u32 i = 0; i < s->nr_pages; i++, from += PAGE_SIZE, left -= MIN(left, PAGE_SIZE))
        memcpy(page_bytes(b, s->pages[i]), from, MIN(left, PAGE_SIZE));
}

static void copy_out(const struct block *b, const struct block_slot *s)
{
    u64 left = s->count * BLOCK_SECTOR;
    u8 *to = s->to;

    for (u32 i = 0; i < s->nr_pages; i++, to += PAGE_SIZE, left -= MIN(left, PAGE_SIZE))
        memcpy(to, page_bytes(b, s->pages[i]), MIN(left, PAGE_SIZE));
}

/* Take the slot's part out of what is left of its transfer. */
static void io_advance(struct block_io *io, const struct block_slot *s)
{
    io->bare = false;
    io->sector += s->count;
    io->left -= s->count;
    if (io->to)
        io->to += s->count * BLOCK_SECTOR;
    if (io->from)
        io->from += s->count * BLOCK_SECTOR;
    io->slots++;
}

/* Fill a slot without the lock, and have it sent. */
static void io_issue(struct block *b, struct block_io *io, u32 id, u64 *flags)
{
    struct block_slot *s = &b->slots[id];
    const u8 *const from = io->from;

    io_advance(io, s);
    if (from) {
        block_unlock(b, *flags);
        copy_in(b, s, from);
        *flags = block_lock(b);
    }
    if (b->state != BLOCK_UP && b->state != BLOCK_EXPECTED) {
        block_slot_finish(b, s, -EIO);
        return;
    }
    s->phase = BLOCK_READY;
    b->nr_ready++;
    block_send_ready(b);
}

/* Return a slot of the transfer that is done, or NULL. */
static struct block_slot *io_done_slot(struct block *b, const struct block_io *io)
{
    for (u32 id = 0; id < BLOCK_REQUESTS_MAX; id++)
        if (b->slots[id].phase == BLOCK_DONE && b->slots[id].io == io)
            return &b->slots[id];
    return NULL;
}

/* Take the result of a slot that is done. */
static void io_collect(struct block *b, struct block_io *io, struct block_slot *s, u64 *flags)
{
    if (!s->error && s->to) {
        block_unlock(b, *flags);
        copy_out(b, s);
        *flags = block_lock(b);
    }
    if (s->error && !io->error)
        io->error = s->error;
    io->slots--;
    block_slot_free(b, s);
    wake_all_locked(&b->queue);
}

/* Leave what is outstanding to itself: the answers free the slots. */
static void io_give_up(struct block *b, struct block_io *io)
{
    for (u32 id = 0; id < BLOCK_REQUESTS_MAX; id++) {
        struct block_slot *s = &b->slots[id];

        if (s->phase == BLOCK_FREE || s->io != io)
            continue;
        s->io = NULL;
        if (s->phase == BLOCK_SENT)
            continue;
        b->nr_ready -= s->phase == BLOCK_READY;
        block_slot_free(b, s);
    }
    io->slots = 0;
    io->error = -ETIME;
    wake_all_locked(&b->queue);
}

/* Do one step of the transfer. Return false if it has to wait. */
static bool io_step(struct block *b, struct block_io *io, u64 *flags)
{
    struct block_slot *const done = io->slots ? io_done_slot(b, io) : NULL;
    u32 id;

    if (done) {
        io_collect(b, io, done, flags);
        return true;
    }
    if (io->error || !(io->left || io->bare))
        return false;
    if (b->state == BLOCK_ABSENT || b->state == BLOCK_CLOSING) {
        io->error = -ENXIO;
        return true;
    }
    if (b->state != BLOCK_UP || b->held)
        return false;
    id = block_slot_alloc(b, io);
    if (id == BLOCK_NO_SLOT)
        return false;
    io_issue(b, io, id, flags);
    return true;
}

static int io_run(struct block *b, struct block_io *io)
{
    struct patience patience = {.started = false};
    u64 flags = block_lock(b);

    while (io->slots || (!io->error && (io->left || io->bare)))
        if (!io_step(b, io, &flags) && wait_for_change(b, &patience, &flags))
            io_give_up(b, io);
    block_unlock(b, flags);
    if (patience.started)
        deadline_stop(&patience.deadline);
    return io->error;
}

/* ---- The disk's requests -------------------------------------------------------------------- */

static int transfer_data(struct block *b, const struct disk_request *r)
{
    struct block_io io = {.op = r->op == DISK_READ ? BLOCK_READ : BLOCK_WRITE,
                          .sector = r->at / BLOCK_SECTOR,
                          .left = r->len / BLOCK_SECTOR,
                          .to = r->to,
                          .from = r->from};

    return io_run(b, &io);
}

/* A backend may offer to flush and refuse then. It is not asked again. */
static int flush(struct block *b)
{
    struct block_io io = {.op = b->flushes ? BLOCK_FLUSH : BLOCK_BARRIER, .bare = true};
    int error;

    if (b->disk.readonly || !(b->flushes || b->barriers))
        return 0;
    error = io_run(b, &io);
    if (error != -EOPNOTSUPP)
        return error;
    log_warn("block: %s: the backend does not flush, though it offered to", b->disk.name);
    b->flushes = b->barriers = false;
    return error;
}

static int discard(struct block *b, const struct disk_request *r)
{
    struct block_io io = {.op = BLOCK_DISCARD,
                          .bare = true,
                          .sector = r->at / BLOCK_SECTOR,
                          .left = r->len / BLOCK_SECTOR};

    return b->discards ? io_run(b, &io) : -EOPNOTSUPP;
}

/* The disk may have been attached again, with other properties, since the request was checked. */
static bool is_inside(const struct disk *d, const struct disk_request *r)
{
    const u64 size = READ_ONCE(d->size);

    return size && r->at <= size && r->len <= size - r->at && r->at % d->sector_size == 0 &&
           r->len % d->sector_size == 0;
}

int block_transfer(struct disk *disk, const struct disk_request *r)
{
    struct block *b = container_of(disk, struct block, disk);
    int error;

    if (!is_inside(disk, r))
        return -ENXIO;
    if (r->op == DISK_FLUSH)
        return flush(b);
    if (r->op == DISK_DISCARD)
        return r->len ? discard(b, r) : 0;
    do
        error = transfer_data(b, r);
    while (error == -EAGAIN);
    return error;
}
