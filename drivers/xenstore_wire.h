/* SPDX-License-Identifier: MIT */
/*
 * Xenstore's protocol as bytes: the page that a guest shares with the daemon, and the messages in
 * it. Written from Xen's xen/io/xs_wire.h and docs/misc/xenstore.txt; test/host/test_xenstore.c
 * compares the structs with Xen's header.
 *
 * The page has a ring of bytes for each direction. The guest writes requests, the daemon answers
 * and watch events. A message is a header and len bytes, and may be longer than a ring: both sides
 * stream it. An answer has its request's number, so several requests may be outstanding.
 *
 * Nothing of the daemon's is trusted. An index is read once and has to be within the ring, a length
 * within XS_PAYLOAD_MAX, and a string has to end inside its message. This is pure code, which the
 * host tests and fuzzes.
 */
#ifndef DRIVERS_XENSTORE_WIRE_H
#define DRIVERS_XENSTORE_WIRE_H

#include "lib/types.h"

#define XS_RING_SIZE   1024
#define XS_PAYLOAD_MAX 4096 /* bytes of a message after its header */

enum xs_type {
    XS_DIRECTORY = 1,
    XS_READ = 2,
    XS_GET_PERMS = 3,
    XS_WATCH = 4,
    XS_UNWATCH = 5,
    XS_TRANSACTION_START = 6,
    XS_TRANSACTION_END = 7,
    XS_WRITE = 11,
    XS_MKDIR = 12,
    XS_RM = 13,
    XS_SET_PERMS = 14,
    XS_WATCH_EVENT = 15,
    XS_ERROR = 16,
};

struct xs_ring {
    u8 req[XS_RING_SIZE], rsp[XS_RING_SIZE];
    u32 req_cons, req_prod; /* count bytes; the low bits are the place in the ring */
    u32 rsp_cons, rsp_prod;
};

struct xs_header {
    u32 type; /* enum xs_type */
    u32 id;   /* of the request; 0 for a watch event */
    u32 tx;   /* transaction; 0: none */
    u32 len;  /* bytes that follow */
};

/* Forget what is in both rings, in a page that another daemon will use from now on. */
void xs_ring_reset(struct xs_ring *ring);

/*
 * Append as many bytes as fit to the requests. Return how many, or -EIO if the daemon has broken an
 * index.
 */
int xs_ring_put(struct xs_ring *ring, const u8 *bytes, u32 len);

/* A message of the daemon's that arrives in pieces. Zeroed at first. */
struct xs_inbox {
    struct xs_header header;
    u8 payload[XS_PAYLOAD_MAX + 1]; /* a zero byte follows the payload */
    u32 have;                       /* bytes, of header and payload */
};

/*
 * Take bytes out of the ring until the message is complete or the ring is empty; *taken is how
 * many. A complete message is overwritten by the next call. Return 1 for a complete message; 0 if
 * more is to come; -EIO if an index or the length is broken.
 */
int xs_inbox_receive(struct xs_inbox *in, struct xs_ring *ring, u32 *taken);

/* Return the number of the error with this name, "ENOENT" for instance; EIO for unknown names. */
int xs_error_number(const char *name);

/* Return the name of an error number (not negated), or "unknown error". */
const char *xs_error_name(int error);

/* Read a decimal number, the whole text. Return false for another text, or above 2^64 - 1. */
bool xs_parse_number(const char *text, u64 *number);

/* Return whether the bytes are strings that all end: none, or a zero byte is last. */
bool xs_are_strings(const void *bytes, u64 len);

/*
 * Return the string after s, or NULL at the end of the strings, which are len bytes; s is NULL for
 * the first.
 */
const char *xs_next_string(const char *bytes, u64 len, const char *s);

/* Split the payload of a watch event. Return false if it is not two strings. */
bool xs_parse_event(const void *payload, u64 len, const char **path, const char **token);

enum xs_access {
    XS_ACCESS_NONE,
    XS_ACCESS_READ,
    XS_ACCESS_WRITE,
    XS_ACCESS_BOTH,
};

/* The first of a node's permissions is the owner's, and what other domains may do. */
struct xs_permission {
    u32 domain;
    enum xs_access access;
};

#define XS_DOMAIN_MAX     0x7fff
#define XS_PERMISSION_MAX 16 /* bytes of one as text, its zero byte included */

/* Write permissions as text, "n5\0r0\0". text has count * XS_PERMISSION_MAX bytes. Return the
 * length.
 */
u32 xs_format_permissions(const struct xs_permission *p, u32 count, char *text);

/*
 * Read up to most permissions of a text. Return how many there are; -EIO for a malformed text;
 * -E2BIG for more.
 */
int xs_parse_permissions(const char *text, u64 len, struct xs_permission *p, u32 most);

#endif
