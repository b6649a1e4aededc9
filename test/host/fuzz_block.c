/* SPDX-License-Identifier: MIT */
/*
 * Fuzzer: any bytes as what a disk's backend writes into the ring. Each round sends some requests
 * and takes the ring's index and some entries from the input.
 */
#include "fuzz.h"

#include "drivers/block_wire.h"
#include "lib/string.h"
#include "pv/errno.h"

enum { RING_BYTES = 4 * PAGE_SIZE };

static u8 pages[RING_BYTES] __attribute__((aligned(4096)));
static struct ring ring;
static struct block_sent sent;
static u32 nr_outstanding;

static void send_some(u32 count, u8 op)
{
    for (u32 id = 0; id < BLOCK_REQUESTS_MAX && count && ring_room(&ring); id++) {
        const struct block_request r = {.op = op, .id = id};

        if (sent.outstanding[id])
            continue;
        ring_add(&ring, &r, sizeof(r));
        block_note_sent(&sent, id, op);
        nr_outstanding++;
        count--;
    }
    ring_publish(&ring);
}

/* Take all responses. Each is one of a request that was outstanding, and there is no other. */
static bool take_all(void)
{
    const char *why = NULL;
    bool before[BLOCK_REQUESTS_MAX];
    int16_t status;
    int taken;
    u32 id;

    for (;;) {
        memcpy(before, sent.outstanding, sizeof(before));
        taken = block_take_response(&ring, &sent, &id, &status, &why);
        if (taken <= 0)
            break;
        REQUIRE(id < BLOCK_REQUESTS_MAX && before[id] && !sent.outstanding[id]);
        REQUIRE(nr_outstanding--);
        REQUIRE(ring_room(&ring) <= ring.size);
    }
    REQUIRE(taken == 0 || (taken == -EIO && why && *why));
    REQUIRE(memcmp(before, sent.outstanding, sizeof(before)) == 0);
    return taken == 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct ring_shared *shared = (struct ring_shared *)pages;

    if (!size)
        return 0;
    memset(pages, 0, sizeof(pages));
    memset(&sent, 0, sizeof(sent));
    nr_outstanding = 0;
    ring_init(&ring, pages, (u32)PAGE_SIZE << (data[0] & 1 ? 0 : 2), sizeof(struct block_request));
    for (data++, size--; size > 20; data += 20, size -= 20) {
        struct block_response r;

        send_some(data[0] & 15, data[1] & 7);
        memcpy(&r, data + 2, sizeof(r));
        if (data[0] & 16) /* mostly an id that may be there */
            r.id &= BLOCK_REQUESTS_MAX - 1;
        memcpy(shared->entries + (shared->rsp_prod % ring.size) * sizeof(struct block_request), &r,
               sizeof(r));
        shared->rsp_prod += data[0] & 32 ? load32(data + 16) : 1;
        if (data[0] & 64)
            shared->req_event = load32(data + 12);
        if (!take_all())
            return 0;
        ring_rearm(&ring);
    }
    return 0;
}
