/* SPDX-License-Identifier: MIT */
/*
 * Fuzzer: any bytes as what the xenstore daemon writes. Each round takes the ring's new index and
 * bytes for the ring from the input; what is received goes through all parsers.
 */
#include "fuzz.h"

#include "drivers/xenstore_wire.h"
#include "pv/errno.h"

static struct xs_ring ring;
static struct xs_inbox in;

static void try_parsers(void)
{
    const char *const payload = (const char *)in.payload, *path, *token, *s = NULL;
    struct xs_permission p[4];
    const u64 len = in.header.len;
    u64 number;
    int count;

    REQUIRE(len <= XS_PAYLOAD_MAX && !in.payload[len]);
    if (xs_parse_event(payload, len, &path, &token))
        REQUIRE(path == payload && token > path && token + strlen(token) + 1 == payload + len);
    if (xs_are_strings(payload, len))
        while ((s = xs_next_string(payload, len, s)))
            REQUIRE(s + strlen(s) < payload + len);
    count = xs_parse_permissions(payload, len, p, 4);
    REQUIRE(count <= 4 && (count >= 0 || count == -EIO || count == -E2BIG));
    for (int i = 0; i < count; i++)
        REQUIRE(p[i].domain <= XS_DOMAIN_MAX && p[i].access <= XS_ACCESS_BOTH);
    (void)xs_parse_number(payload, &number);
    REQUIRE(xs_error_number(payload) > 0);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    memset(&ring, 0, sizeof(ring));
    memset(&in, 0, sizeof(in));
    while (size > 4) {
        const u32 len = MIN((u32)data[2] * 5, (u32)size - 4);
        const u32 at = ring.rsp_prod % XS_RING_SIZE;
        u32 taken;
        int state;

        /* Mostly as many bytes as are added; sometimes an index that jumps. */
        ring.rsp_prod += data[0] == 0xff ? (u32)data[1] << (data[3] & 31) : len;
        for (u32 i = 0; i < len; i++)
            ring.rsp[(at + i) % XS_RING_SIZE] = data[4 + i];
        while ((state = xs_inbox_receive(&in, &ring, &taken)) > 0) {
            REQUIRE(taken <= XS_RING_SIZE);
            try_parsers();
        }
        REQUIRE(state == 0 || state == -EIO);
        data += 4 + len;
        size -= 4 + len;
    }
    return 0;
}
