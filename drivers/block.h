/* SPDX-License-Identifier: MIT */
/*
 * A disk that a backend in another domain serves: what block.c, which connects it, and block_io.c,
 * which transfers, share. kernel/disk.h is how others use it.
 *
 * The memory that the backend may reach is the ring and a pool of pages, which are granted as long
 * as the disk is connected. All data is copied through the pool. So a transfer costs no grant, a
 * backend with "feature-persistent" maps each page once, and no page of a program's is ever shared.
 *
 * A request has a slot, whose number is its id:
 *
 *   FREE -> FILLING -> READY -> SENT -> DONE -> FREE
 *
 * The thread that transfers fills the slot and makes it READY; it is SENT as soon as the ring has
 * room; the interrupt makes it DONE; the thread takes the result. A thread has as many slots as its
 * transfer takes and the pool has pages, and waits for all of them.
 *
 * A restored machine has another backend and an empty ring. Slots that were SENT are READY again,
 * and are sent to the new backend. That repeats no effect: what the old one had answered is DONE.
 */
#ifndef DRIVERS_BLOCK_H
#define DRIVERS_BLOCK_H

#include "drivers/block_wire.h"
#include "drivers/granted.h"
#include "drivers/xenbus.h"
#include "kernel/disk.h"

enum {
    BLOCK_RING_ORDER_MAX = 2, /* four pages: BLOCK_REQUESTS_MAX requests */
    BLOCK_RING_PAGES = 1 << BLOCK_RING_ORDER_MAX,
    BLOCK_POOL_PAGES = 256,  /* of each disk: 1 MiB on its way */
    BLOCK_SEGMENTS_MAX = 32, /* of a request, where the backend has BLOCK_INDIRECT */
};

/* A backend that completes no request for so long is not waited for. */
#define BLOCK_PATIENCE_NS (60 * NS_PER_S)

enum block_state {
    BLOCK_ABSENT,   /* not connected: transfers are refused */
    BLOCK_EXPECTED, /* restored, and not connected yet: transfers wait */
    BLOCK_UP,
    BLOCK_CLOSING, /* what is outstanding may finish; further transfers are refused */
};

enum block_phase {
    BLOCK_FREE,
    BLOCK_FILLING,
    BLOCK_READY,
    BLOCK_SENT,
    BLOCK_DONE,
};

/* A transfer in progress, on the stack of its thread. */
struct block_io {
    enum block_op op;
    u64 sector, left; /* what has no slot yet, in sectors of 512 bytes */
    bool bare;        /* a request without data has no slot yet */
    u8 *to;
    const u8 *from;
    u32 slots; /* that it has */
    int error; /* the first */
};

struct block_slot {
    enum block_phase phase;
    struct block_io *io; /* NULL: its thread has given up */
    u8 op;
    int error;
    u64 sector, count;
    u8 *to;
    u32 nr_pages;
    u16 pages[BLOCK_SEGMENTS_MAX];
    u16 table; /* the page with the segments, of an indirect request */
};

struct block {
    struct disk disk;
    struct xenbus_device *device;
    /* All below. Guarded by: queue's lock, once the disk is connected; all waiters sleep there. */
    struct wait_queue queue;
    enum block_state state;
    bool held; /* a suspend is in progress: nothing is sent */
    u32 segments_max;
    bool flushes, barriers, discards, persistent;
    struct ring ring;
    struct block_sent sent;
    u32 line, nr_sent, nr_ready;
    u64 completions; /* since the start */
    struct block_slot slots[BLOCK_REQUESTS_MAX];
    u16 free_pages[BLOCK_POOL_PAGES]; /* a stack: the last used is used first */
    u32 nr_free_pages, nr_slots, nr_used_slots;
    struct granted_page pool[BLOCK_POOL_PAGES];
    /* Guarded by: the xenbus thread. */
    struct granted_page ring_pages[BLOCK_RING_PAGES];
    u32 granted_to; /* the domain of the grants */
    u32 lost_rings; /* that a backend has never unmapped */
    bool registered;
};

#define BLOCK_NO_LINE (~0u)

extern const struct xenbus_driver block_driver;

/* ---- block_io.c */

/* disk.transfer. */
int block_transfer(struct disk *disk, const struct disk_request *request);

/* The handler of the disk's line; data is the struct block. */
void block_interrupt(void *data);

/* Wait until nothing is outstanding. Return false if the backend does not finish it in ns. */
bool block_drain(struct block *b, u64 ns);

/* ---- block_slots.c; the lock is held */

/* Give a slot to the next part of a transfer. Return its number, or BLOCK_NO_SLOT. */
#define BLOCK_NO_SLOT BLOCK_REQUESTS_MAX
u32 block_slot_alloc(struct block *b, struct block_io *io);
void block_slot_free(struct block *b, struct block_slot *s);

/* Make a slot DONE, or free it if its thread has given up. */
void block_slot_finish(struct block *b, struct block_slot *s, int error);

/* Make the list of free pages again, of those that are usable. */
void block_pages_list(struct block *b);

/* Send what is READY, as far as the ring has room. */
void block_send_ready(struct block *b);

/* After a restore: what was sent is to be sent again. */
void block_resend(struct block *b);

/* Fail all that is READY or SENT, because no backend will answer. */
void block_fail_all(struct block *b, int error);

static inline u64 block_lock(struct block *b)
{
    return spin_lock_irqsave(&b->queue.lock);
}

static inline void block_unlock(struct block *b, u64 flags)
{
    spin_unlock_irqrestore(&b->queue.lock, flags);
}

#endif
