/* SPDX-License-Identifier: MIT */
/* The block protocol as bytes (drivers/block_wire.h). */
#include "drivers/block_wire.h"
#include "lib/format.h"
#include "lib/string.h"
#include "pv/errno.h"

_Static_assert(sizeof(struct block_segment) == 8 && sizeof(struct block_request) == 112 &&
                   sizeof(struct block_response) == 16,
               "as Xen has them");

int block_take_response(struct ring *ring, struct block_sent *sent, u32 *id, int16_t *status,
                        const char **why)
{
    struct block_response r;
    const int taken = ring_take(ring, &r, sizeof(r));

    *why = "an index of the responses is impossible";
    if (taken <= 0)
        return taken;
    *why = "a response is for no request";
    if (r.id >= BLOCK_REQUESTS_MAX || !sent->outstanding[r.id])
        return -EIO;
    *why = "a response is for another operation than its request";
    if (r.op != sent->ops[r.id])
        return -EIO;
    sent->outstanding[r.id] = false;
    *id = (u32)r.id;
    *status = r.status;
    return 1;
}

/* ---- Names (Xen, docs/man/xen-vbd-interface.7) ---------------------------------------------- */

enum {
    XVD_MAJOR = 202,      /* number: major << 8 | disk << 4 | partition */
    EXTENDED = 1u << 28,  /* number: EXTENDED | disk << 8 | partition */
    DISKS = 26 + 26 * 26, /* with one letter, and with two */
    LETTERS = 26,
};

static void write_name(u32 disk, u32 partition, char name[BLOCK_NAME_MAX])
{
    char letters[3] = {(char)('a' + disk % LETTERS), 0, 0};
    char number[4] = "";

    if (disk >= LETTERS) {
        letters[1] = letters[0];
        letters[0] = (char)('a' + disk / LETTERS - 1);
    }
    if (partition)
        ksnprintf(number, sizeof(number), "%u", partition);
    ksnprintf(name, BLOCK_NAME_MAX, "xvd%s%s", letters, number);
}

bool block_name(u64 number, char name[BLOCK_NAME_MAX])
{
    if (number >> 8 == XVD_MAJOR) {
        write_name((number >> 4) & 15, number & 15, name);
        return true;
    }
    if (number >> 28 != 1 || (number & (EXTENDED - 1)) >> 8 >= DISKS)
        return false;
    /* Eight bytes hold a name with two letters and two digits. */
    if ((number & 0xff) > 99)
        return false;
    write_name((u32)(number & (EXTENDED - 1)) >> 8, number & 0xff, name);
    return true;
}
