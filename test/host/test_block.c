/* SPDX-License-Identifier: MIT */
/*
 * drivers/ring.c, drivers/block_wire.c, drivers/xenbus_state.c: rings with a backend that breaks
 * each rule, disks' names, and the states of both halves of a device.
 */
#include "harness.h"
#include "same_abi.h"

#include <xen/xen.h>

#include <xen/grant_table.h>
#include <xen/io/blkif.h>
/* Its enum has the name of ours. */
#define xenbus_state xen_xenbus_state
#include <xen/io/xenbus.h>
#undef xenbus_state

#include "drivers/block_wire.h"
#include "drivers/xenbus_state.h"
#include "pv/errno.h"

/* ---- Layout --------------------------------------------------------------------------------- */

SAME_FIELD(ring_shared, blkif_sring, req_prod, req_prod);
SAME_FIELD(ring_shared, blkif_sring, req_event, req_event);
SAME_FIELD(ring_shared, blkif_sring, rsp_prod, rsp_prod);
SAME_FIELD(ring_shared, blkif_sring, rsp_event, rsp_event);
SAME_PLACE(ring_shared, blkif_sring, entries, ring);
SAME_FIELD(block_segment, blkif_request_segment, ref, gref);
SAME_FIELD(block_segment, blkif_request_segment, first, first_sect);
SAME_FIELD(block_segment, blkif_request_segment, last, last_sect);
SAME_FIELD(block_request, blkif_request, op, operation);
SAME_FIELD(block_request, blkif_request, nr_segments, nr_segments);
SAME_FIELD(block_request, blkif_request, handle, handle);
SAME_FIELD(block_request, blkif_request, id, id);
SAME_FIELD(block_request, blkif_request, sector, sector_number);
SAME_FIELD(block_request, blkif_request, segments, seg);
SAME_FIELD(block_discard, blkif_request_discard, op, operation);
SAME_FIELD(block_discard, blkif_request_discard, flags, flag);
SAME_FIELD(block_discard, blkif_request_discard, handle, handle);
SAME_FIELD(block_discard, blkif_request_discard, id, id);
SAME_FIELD(block_discard, blkif_request_discard, sector, sector_number);
SAME_FIELD(block_discard, blkif_request_discard, nr_sectors, nr_sectors);
SAME_FIELD(block_indirect, blkif_request_indirect, op, operation);
SAME_FIELD(block_indirect, blkif_request_indirect, indirect_op, indirect_op);
SAME_FIELD(block_indirect, blkif_request_indirect, nr_segments, nr_segments);
SAME_FIELD(block_indirect, blkif_request_indirect, id, id);
SAME_FIELD(block_indirect, blkif_request_indirect, sector, sector_number);
SAME_FIELD(block_indirect, blkif_request_indirect, handle, handle);
SAME_FIELD(block_indirect, blkif_request_indirect, refs, indirect_grefs);
SAME_FIELD(block_response, blkif_response, id, id);
SAME_FIELD(block_response, blkif_response, op, operation);
SAME_FIELD(block_response, blkif_response, status, status);
_Static_assert(sizeof(struct block_segment) == sizeof(struct blkif_request_segment), "segment");
_Static_assert(sizeof(struct block_request) == sizeof(union blkif_sring_entry), "entry");
_Static_assert(sizeof(struct block_response) == sizeof(struct blkif_response), "response");
_Static_assert(BLOCK_DIRECT_MAX == BLKIF_MAX_SEGMENTS_PER_REQUEST, "segments");

SAME_VALUE(BLOCK_READ, BLKIF_OP_READ);
SAME_VALUE(BLOCK_WRITE, BLKIF_OP_WRITE);
SAME_VALUE(BLOCK_BARRIER, BLKIF_OP_WRITE_BARRIER);
SAME_VALUE(BLOCK_FLUSH, BLKIF_OP_FLUSH_DISKCACHE);
SAME_VALUE(BLOCK_DISCARD, BLKIF_OP_DISCARD);
SAME_VALUE(BLOCK_INDIRECT, BLKIF_OP_INDIRECT);
SAME_VALUE(BLOCK_OKAY, BLKIF_RSP_OKAY);
SAME_VALUE(BLOCK_ERROR, BLKIF_RSP_ERROR);
SAME_VALUE(BLOCK_UNSUPPORTED, BLKIF_RSP_EOPNOTSUPP);
SAME_VALUE(BLOCK_INFO_READONLY, VDISK_READONLY);
SAME_VALUE(XENBUS_UNKNOWN, XenbusStateUnknown);
SAME_VALUE(XENBUS_INITIALISING, XenbusStateInitialising);
SAME_VALUE(XENBUS_INIT_WAIT, XenbusStateInitWait);
SAME_VALUE(XENBUS_INITIALISED, XenbusStateInitialised);
SAME_VALUE(XENBUS_CONNECTED, XenbusStateConnected);
SAME_VALUE(XENBUS_CLOSING, XenbusStateClosing);
SAME_VALUE(XENBUS_CLOSED, XenbusStateClosed);
SAME_VALUE(XENBUS_RECONFIGURING, XenbusStateReconfiguring);
SAME_VALUE(XENBUS_RECONFIGURED, XenbusStateReconfigured);

/* ---- Rings ---------------------------------------------------------------------------------- */

/* One page of a ring, and what must stay unchanged after it. */
static struct {
    u8 page[PAGE_SIZE];
    u8 after[64];
} memory __attribute__((aligned(4096)));
static struct ring ring;
static struct block_sent sent;

/* Begin with indices that are about to wrap. */
static struct ring_shared *reset(void)
{
    const u32 start = (u32)-40;
    struct ring_shared *shared = (struct ring_shared *)memory.page;

    memset(&memory, 0xa5, sizeof(memory));
    memset(&sent, 0, sizeof(sent));
    ring_init(&ring, memory.page, sizeof(memory.page), sizeof(struct block_request));
    shared->req_prod = shared->rsp_prod = start;
    shared->req_event = shared->rsp_event = start + 1;
    ring.filled = ring.published = ring.rsp_cons = start;
    return shared;
}

static void send_read(u32 id)
{
    const struct block_request r = {.op = BLOCK_READ, .id = id, .nr_segments = 1};

    ring_add(&ring, &r, sizeof(r));
    block_note_sent(&sent, id, r.op);
}

static void respond(struct ring_shared *shared, u64 id, u8 op, int16_t status)
{
    const struct block_response r = {.id = id, .op = op, .status = status};

    memcpy(shared->entries + (shared->rsp_prod++ % ring.size) * sizeof(struct block_request), &r,
           sizeof(r));
}

static int take(u32 *id, int16_t *status, const char **why)
{
    return block_take_response(&ring, &sent, id, status, why);
}

/* Expect that the next response is refused for this reason. */
static void expect_refused(const char *reason)
{
    const char *why;
    int16_t status;
    u32 id;

    CHECK_EQ(take(&id, &status, &why), -EIO);
    CHECK_STR(why, reason);
}

static void a_ring_holds_a_power_of_two_of_entries(void)
{
    ring_init(&ring, memory.page, PAGE_SIZE, 112);
    CHECK_EQ(ring.size, 32);
    CHECK_EQ(ring_room(&ring), 32);
    CHECK_EQ(ring.shared->req_event, 1);
    CHECK_EQ(ring.shared->rsp_event, 1);
    for (u32 pages = 1; pages <= 8; pages *= 2)
        CHECK_EQ(__CONST_RING_SIZE(blkif, pages * PAGE_SIZE), 32 * pages);
}

/* Answers arrive in another order than the requests, and the indices wrap. */
static void requests_are_answered_in_any_order(void)
{
    struct ring_shared *shared = reset();
    const char *why;
    int16_t status;
    u32 id;

    for (u32 round = 0; round < 10; round++) {
        for (u32 i = 0; i < ring.size; i++)
            send_read(i);
        CHECK_EQ(ring_room(&ring), 0);
        CHECK(ring_publish(&ring) == (round == 0));
        for (u32 i = 0; i < ring.size; i++)
            respond(shared, ring.size - 1 - i, BLOCK_READ, i % 3 ? BLOCK_OKAY : BLOCK_ERROR);
        for (u32 i = 0; i < ring.size; i++) {
            CHECK_EQ(take(&id, &status, &why), 1);
            CHECK_EQ(id, ring.size - 1 - i);
            CHECK_EQ(status, i % 3 ? BLOCK_OKAY : BLOCK_ERROR);
        }
        CHECK_EQ(take(&id, &status, &why), 0);
        CHECK_EQ(ring_room(&ring), ring.size);
    }
    check_bytes(memory.after, sizeof(memory.after), 0xa5);
}

static void the_backend_is_notified_when_it_asked_to(void)
{
    struct ring_shared *shared = reset();

    send_read(0);
    CHECK(ring_publish(&ring));
    send_read(1);
    CHECK(!ring_publish(&ring));
    shared->req_event = shared->req_prod + 2;
    send_read(2);
    CHECK(!ring_publish(&ring));
    send_read(3);
    send_read(4);
    CHECK(ring_publish(&ring));
    CHECK(!ring_publish(&ring));
}

/* A response between the last look and the request for a notification is not overlooked. */
static void a_response_before_the_rearm_is_seen(void)
{
    struct ring_shared *shared = reset();
    const char *why;
    int16_t status;
    u32 id;

    send_read(0);
    send_read(1);
    ring_publish(&ring);
    respond(shared, 1, BLOCK_READ, BLOCK_OKAY);
    CHECK_EQ(take(&id, &status, &why), 1);
    CHECK(!ring_rearm(&ring));
    CHECK_EQ(shared->rsp_event, ring.rsp_cons + 1);
    respond(shared, 0, BLOCK_READ, BLOCK_OKAY);
    CHECK(ring_rearm(&ring));
}

static void an_index_that_jumps_is_refused(void)
{
    static const u32 jumps[] = {2, 3, 32, 33, 1u << 31, (u32)-1};
    struct ring_shared *shared;

    for (u32 i = 0; i < ARRAY_SIZE(jumps); i++) {
        shared = reset();
        send_read(0);
        ring_publish(&ring);
        respond(shared, 0, BLOCK_READ, BLOCK_OKAY);
        shared->rsp_prod = ring.rsp_cons + jumps[i];
        expect_refused("an index of the responses is impossible");
    }
    /* A request that was not published cannot have an answer, whatever the page says. */
    shared = reset();
    send_read(0);
    shared->req_prod = ring.filled;
    respond(shared, 0, BLOCK_READ, BLOCK_OKAY);
    expect_refused("an index of the responses is impossible");
}

static void a_response_without_its_request_is_refused(void)
{
    static const u64 ids[] = {1, 31, 127, 128, 1ull << 32, ~0ull};
    struct ring_shared *shared;
    const char *why;
    int16_t status;
    u32 id;

    for (u32 i = 0; i < ARRAY_SIZE(ids); i++) {
        shared = reset();
        send_read(0);
        ring_publish(&ring);
        respond(shared, ids[i], BLOCK_READ, BLOCK_OKAY);
        expect_refused("a response is for no request");
        CHECK(sent.outstanding[0]);
    }
    shared = reset();
    send_read(0);
    send_read(5);
    ring_publish(&ring);
    respond(shared, 5, BLOCK_READ, BLOCK_OKAY);
    respond(shared, 5, BLOCK_READ, BLOCK_OKAY); /* twice */
    CHECK_EQ(take(&id, &status, &why), 1);
    expect_refused("a response is for no request");
}

static void a_response_for_another_operation_is_refused(void)
{
    struct ring_shared *shared = reset();

    send_read(7);
    ring_publish(&ring);
    respond(shared, 7, BLOCK_WRITE, BLOCK_OKAY);
    expect_refused("a response is for another operation than its request");
}

/* ---- Names ---------------------------------------------------------------------------------- */

static void numbers_have_the_names_that_linux_gives_them(void)
{
    static const struct {
        u64 number;
        const char *name;
    } cases[] = {
        {51712, "xvda"},
        {51713, "xvda1"},
        {51727, "xvda15"},
        {51728, "xvdb"},
        {51952, "xvdp"},
        {(1 << 28) | 26 << 8, "xvdaa"},
        {(1 << 28) | 16 << 8, "xvdq"},
        {(1 << 28) | (25 << 8) | 99, "xvdz99"},
        {(1 << 28) | (701 << 8) | 12, "xvdzz12"},
        {768, NULL},
        {2048, NULL},
        {0, NULL},
        {(1 << 28) | 702 << 8, NULL},
        {(1 << 28) | 100, NULL},
        {1ull << 29, NULL},
        {51712 + (1ull << 32), NULL},
        {~0ull, NULL},
    };

    for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
        char name[BLOCK_NAME_MAX + 1] = "-------";
        const bool known = block_name(cases[i].number, name);

        CHECK_EQ(known, cases[i].name != NULL);
        if (known)
            CHECK_STR(name, cases[i].name);
    }
}

/* ---- States --------------------------------------------------------------------------------- */

static void halves_come_together_and_part(void)
{
    static const enum xenbus_action expected[][10] = {
        [XENBUS_INITIALISING] = {XENBUS_WAIT, XENBUS_WAIT, XENBUS_CONNECT, XENBUS_CONNECT,
                                 XENBUS_RESET, XENBUS_CLOSE, XENBUS_RESTART, XENBUS_WAIT,
                                 XENBUS_WAIT, XENBUS_WAIT},
        [XENBUS_INITIALISED] = {XENBUS_LOSE, XENBUS_LOSE, XENBUS_WAIT, XENBUS_WAIT, XENBUS_FINISH,
                                XENBUS_CLOSE, XENBUS_CLOSE, XENBUS_WAIT, XENBUS_WAIT, XENBUS_WAIT},
        [XENBUS_CONNECTED] = {XENBUS_LOSE, XENBUS_LOSE, XENBUS_WAIT, XENBUS_WAIT, XENBUS_WAIT,
                              XENBUS_CLOSE, XENBUS_CLOSE, XENBUS_WAIT, XENBUS_WAIT, XENBUS_WAIT},
        [XENBUS_CLOSED] = {XENBUS_WAIT},
    };
    static const enum xenbus_state fronts[] = {XENBUS_INITIALISING, XENBUS_INITIALISED,
                                               XENBUS_CONNECTED, XENBUS_CLOSED};

    for (u32 i = 0; i < ARRAY_SIZE(fronts); i++) {
        for (u64 back = 0; back < 10; back++)
            CHECK_EQ(xenbus_next(fronts[i], back), expected[fronts[i]][back]);
        CHECK_EQ(xenbus_next(fronts[i], ~0ull), XENBUS_WAIT);
    }
    CHECK_STR(xenbus_state_name(XENBUS_CLOSING), "closing");
    CHECK_STR(xenbus_state_name(9), "not a state");
}

int main(void)
{
    RUN(a_ring_holds_a_power_of_two_of_entries);
    RUN(requests_are_answered_in_any_order);
    RUN(the_backend_is_notified_when_it_asked_to);
    RUN(a_response_before_the_rearm_is_seen);
    RUN(an_index_that_jumps_is_refused);
    RUN(a_response_without_its_request_is_refused);
    RUN(a_response_for_another_operation_is_refused);
    RUN(numbers_have_the_names_that_linux_gives_them);
    RUN(halves_come_together_and_part);
    return finish("block");
}
