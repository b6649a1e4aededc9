/* SPDX-License-Identifier: MIT */
/*
 * The block protocol as bytes: what a disk's frontend and its backend write into their ring.
 * Written from Xen's xen/io/blkif.h; test/host/test_block.c compares the structs with it. They are
 * those of the protocol "x86_64-abi".
 *
 * A request reads or writes contiguous sectors of 512 bytes. Its segments name the memory: of each
 * granted page, the first and the last sector. A request has 11 segments, or with BLOCK_INDIRECT
 * more, which are in a granted page of their own. The backend answers in any order, and names the
 * request by its id.
 *
 * This is pure code, which the host tests and fuzzes.
 */
#ifndef DRIVERS_BLOCK_WIRE_H
#define DRIVERS_BLOCK_WIRE_H

#include "drivers/ring.h"

#define BLOCK_SECTOR       512u
#define BLOCK_PAGE_SECTORS (PAGE_SIZE / BLOCK_SECTOR)
#define BLOCK_DIRECT_MAX   11  /* segments in a request itself */
#define BLOCK_REQUESTS_MAX 128 /* outstanding: what a ring of four pages holds */
#define BLOCK_NAME_MAX     8

enum block_op {
    BLOCK_READ = 0,
    BLOCK_WRITE = 1,
    BLOCK_BARRIER = 2, /* write, ordered; without segments: only the order */
    BLOCK_FLUSH = 3,
    BLOCK_DISCARD = 5,
    BLOCK_INDIRECT = 6,
};

/* The status of a response; backends use others for errors, too. */
enum block_status {
    BLOCK_OKAY = 0,
    BLOCK_ERROR = -1,
    BLOCK_UNSUPPORTED = -2,
};

/* Bits of the backend's node "info". */
enum {
    BLOCK_INFO_READONLY = 4,
};

struct block_segment {
    u32 ref;
    u8 first, last; /* sectors of the page, both included */
    u8 reserved[2];
};

struct block_request {
    u8 op;
    u8 nr_segments;
    u16 handle;
    u32 reserved;
    u64 id;
    u64 sector;
    struct block_segment segments[BLOCK_DIRECT_MAX];
};

struct block_discard {
    u8 op;
    u8 flags;
    u16 handle;
    u32 reserved;
    u64 id;
    u64 sector, nr_sectors;
};

struct block_indirect {
    u8 op; /* BLOCK_INDIRECT */
    u8 indirect_op;
    u16 nr_segments;
    u32 reserved;
    u64 id;
    u64 sector;
    u16 handle;
    u16 reserved2;
    u32 refs[8]; /* of the pages that hold the segments */
};

struct block_response {
    u64 id;
    u8 op;
    u8 reserved;
    int16_t status;
    u32 reserved2;
};

/* The operation of each request that is outstanding, by its id. Zeroed at first. */
struct block_sent {
    bool outstanding[BLOCK_REQUESTS_MAX];
    u8 ops[BLOCK_REQUESTS_MAX];
};

/* Record that a request was sent. */
static inline void block_note_sent(struct block_sent *sent, u32 id, u8 op)
{
    sent->outstanding[id] = true;
    sent->ops[id] = op;
}

/*
 * Take a response out of the ring, and the request that it answers out of *sent. Return 1, with the
 * request's id and the status; 0 if there is no response; -EIO, with *why in words, if the backend
 * breaks the protocol: an impossible index, an id that is not outstanding, another operation than
 * the request's.
 */
int block_take_response(struct ring *ring, struct block_sent *sent, u32 *id, int16_t *status,
                        const char **why);

/*
 * Write the name of a virtual disk by its number in xenstore, as Linux names them: 51712 is xvda,
 * 51729 xvdb1. Return false for a number that is not an xvd disk's.
 */
bool block_name(u64 number, char name[BLOCK_NAME_MAX]);

#endif
