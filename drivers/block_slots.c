/* SPDX-License-Identifier: MIT */
/*
 * Slots of a disk (drivers/block.h): their pages, and how they get into the ring. All of this runs
 * with the disk's lock held.
 */
#include "drivers/block.h"
#include "lib/string.h"
#include "pv/pv.h"

/* ---- Slots and pages ------------------------------------------------------------------------ */

static void page_free(struct block *b, u16 page)
{
    if (b->pool[page].usable)
        b->free_pages[b->nr_free_pages++] = page;
}

static u16 page_alloc(struct block *b)
{
    return b->free_pages[--b->nr_free_pages];
}

/* A request with more segments than fit into it has them in a page. */
static bool needs_table(const struct block_slot *s)
{
    return s->nr_pages > BLOCK_DIRECT_MAX;
}

void block_slot_free(struct block *b, struct block_slot *s)
{
    for (u32 i = 0; i < s->nr_pages; i++)
        page_free(b, s->pages[i]);
    if (needs_table(s))
        page_free(b, s->table);
    s->phase = BLOCK_FREE;
    s->nr_pages = 0;
    b->nr_used_slots--;
}

void block_pages_list(struct block *b)
{
    static bool in_use[BLOCK_POOL_PAGES]; /* Guarded by: the xenbus thread, the only caller */

    memset(in_use, 0, sizeof(in_use));
    for (u32 id = 0; id < BLOCK_REQUESTS_MAX; id++) {
        const struct block_slot *s = &b->slots[id];

        for (u32 i = 0; i < s->nr_pages; i++)
            in_use[s->pages[i]] = true;
        if (needs_table(s))
            in_use[s->table] = true;
    }
    b->nr_free_pages = 0;
    for (u16 page = 0; page < BLOCK_POOL_PAGES; page++)
        if (!in_use[page])
            page_free(b, page);
}

/* Return how many pages a slot for the rest of a transfer gets; 0: there are too few. */
static u32 pages_for(const struct block *b, u64 sectors)
{
    const u64 wanted = (sectors + BLOCK_PAGE_SECTORS - 1) / BLOCK_PAGE_SECTORS;
    const u32 count = (u32)MIN(wanted, (u64)b->segments_max);

    if (count > BLOCK_DIRECT_MAX && count + 1 > b->nr_free_pages)
        return MIN((u32)BLOCK_DIRECT_MAX, b->nr_free_pages);
    return MIN(count, b->nr_free_pages);
}

static u32 slot_find(const struct block *b)
{
    u32 id = 0;

    if (b->nr_used_slots >= b->nr_slots)
        return BLOCK_NO_SLOT;
    while (b->slots[id].phase != BLOCK_FREE)
        id++;
    return id;
}

u32 block_slot_alloc(struct block *b, struct block_io *io)
{
    const u32 id = slot_find(b);
    struct block_slot *s = &b->slots[id];
    const u32 nr_pages = io->bare ? 0 : pages_for(b, io->left);

    if (id == BLOCK_NO_SLOT || (!io->bare && !nr_pages))
        return BLOCK_NO_SLOT;
    *s = (struct block_slot){.phase = BLOCK_FILLING,
                             .io = io,
                             .op = (u8)io->op,
                             .sector = io->sector,
                             .count = io->bare ? io->left : nr_pages * BLOCK_PAGE_SECTORS,
                             .to = io->to,
                             .nr_pages = nr_pages};
    s->count = MIN(s->count, io->left);
    for (u32 i = 0; i < nr_pages; i++)
        s->pages[i] = page_alloc(b);
    if (needs_table(s))
        s->table = page_alloc(b);
    b->nr_used_slots++;
    return id;
}

void block_slot_finish(struct block *b, struct block_slot *s, int error)
{
    s->error = error;
    s->phase = BLOCK_DONE;
    if (!s->io)
        block_slot_free(b, s);
}

/* ---- The ring ------------------------------------------------------------------------------- */

static struct block_segment segment_of(const struct block *b, const struct block_slot *s, u32 i)
{
    const u64 rest = s->count - (u64)i * BLOCK_PAGE_SECTORS;

    return (struct block_segment){.ref = (u32)b->pool[s->pages[i]].ref,
                                  .last = (u8)(MIN(rest, (u64)BLOCK_PAGE_SECTORS) - 1)};
}

static void add_direct(struct block *b, u32 id)
{
    const struct block_slot *s = &b->slots[id];
    struct block_request r = {.op = s->op,
                              .nr_segments = (u8)s->nr_pages,
                              .handle = (u16)b->device->number,
                              .id = id,
                              .sector = s->sector};

    for (u32 i = 0; i < s->nr_pages; i++)
        r.segments[i] = segment_of(b, s, i);
    ring_add(&b->ring, &r, sizeof(r));
}

static void add_indirect(struct block *b, u32 id)
{
    const struct block_slot *s = &b->slots[id];
    struct block_segment *segments = pfn_to_va(b->pool[s->table].pfn);
    const struct block_indirect r = {.op = BLOCK_INDIRECT,
                                     .indirect_op = s->op,
                                     .nr_segments = (u16)s->nr_pages,
                                     .handle = (u16)b->device->number,
                                     .id = id,
                                     .sector = s->sector,
                                     .refs = {(u32)b->pool[s->table].ref}};

    for (u32 i = 0; i < s->nr_pages; i++)
        segments[i] = segment_of(b, s, i);
    ring_add(&b->ring, &r, sizeof(r));
}

static void add_discard(struct block *b, u32 id)
{
    const struct block_slot *s = &b->slots[id];
    const struct block_discard r = {.op = BLOCK_DISCARD,
                                    .handle = (u16)b->device->number,
                                    .id = id,
                                    .sector = s->sector,
                                    .nr_sectors = s->count};

    ring_add(&b->ring, &r, sizeof(r));
}

/* A backend after a restore may take fewer segments, or not have got some pages. */
static bool slot_can_be_sent(const struct block *b, const struct block_slot *s)
{
    bool can = s->nr_pages <= b->segments_max && (!needs_table(s) || b->pool[s->table].usable);

    for (u32 i = 0; i < s->nr_pages; i++)
        can &= b->pool[s->pages[i]].usable;
    return can;
}

static void slot_send(struct block *b, u32 id)
{
    struct block_slot *s = &b->slots[id];

    b->nr_ready--;
    if (!slot_can_be_sent(b, s)) {
        block_slot_finish(b, s, -EAGAIN);
        return;
    }
    if (s->op == BLOCK_DISCARD)
        add_discard(b, id);
    else if (needs_table(s))
        add_indirect(b, id);
    else
        add_direct(b, id);
    s->phase = BLOCK_SENT;
    b->nr_sent++;
    block_note_sent(&b->sent, id, s->op);
}

void block_send_ready(struct block *b)
{
    if (b->state != BLOCK_UP || b->held || !b->nr_ready)
        return;
    for (u32 id = 0; id < BLOCK_REQUESTS_MAX && b->nr_ready && ring_room(&b->ring); id++)
        if (b->slots[id].phase == BLOCK_READY)
            slot_send(b, id);
    if (ring_publish(&b->ring))
        pv_evtchn_notify(b->line);
}

void block_resend(struct block *b)
{
    memset(&b->sent, 0, sizeof(b->sent));
    for (u32 id = 0; id < BLOCK_REQUESTS_MAX; id++) {
        struct block_slot *s = &b->slots[id];

        if (s->phase != BLOCK_SENT)
            continue;
        s->phase = BLOCK_READY;
        b->nr_ready++;
        b->nr_sent--;
        if (!s->io) {
            b->nr_ready--;
            block_slot_free(b, s);
        }
    }
}

void block_fail_all(struct block *b, int error)
{
    for (u32 id = 0; id < BLOCK_REQUESTS_MAX; id++) {
        struct block_slot *s = &b->slots[id];

        if (s->phase == BLOCK_READY || s->phase == BLOCK_SENT)
            block_slot_finish(b, s, error);
    }
    memset(&b->sent, 0, sizeof(b->sent));
    b->nr_ready = b->nr_sent = 0;
    wake_all_locked(&b->queue);
}
