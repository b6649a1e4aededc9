/* SPDX-License-Identifier: MIT */
/*
 * A frame that stands for several (struct net_frame, segment): TCP segments of one connection that
 * the stack sends one after the other are collected, and leave as one frame, which the other side
 * of the interface divides again if it has to. This code is pure; interface.c uses it.
 */
#ifndef LIB_NEWLIB_SOCKETS_BATCH_H
#define LIB_NEWLIB_SOCKETS_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BATCH_MAX 65535 /* bytes of such a frame */

/* What is collected. Zeroed but for bytes, it is empty. */
struct batch {
    uint8_t *bytes;    /* room for BATCH_MAX */
    size_t len;        /* 0: empty */
    size_t headers;    /* bytes before the data; 0: nothing can be added */
    uint16_t segment;  /* bytes of data of each segment but the last */
    bool ends;         /* the last one was shorter */
    unsigned segments; /* how many there are */
};

/* Return the bytes of all headers of a frame of TCP on IPv4 that is not a fragment; or 0. */
size_t batch_tcp_headers(const uint8_t *frame, size_t len);

/*
 * Return how many bytes of the frame follow its headers if it can be added to the batch, which is
 * not empty, or 0. frame: its first bytes, with all headers; len: of the whole frame. If it can,
 * the caller copies these bytes to batch->bytes + batch->len, and calls batch_added.
 */
size_t batch_fits(const struct batch *batch, const uint8_t *frame, size_t len);
void batch_added(struct batch *batch, const uint8_t *frame, size_t data);

/* Begin with the frame in batch->bytes, of len bytes. */
void batch_begin(struct batch *batch, size_t len);

/*
 * Complete the headers: the length and checksum of IP, and in the place of TCP's checksum that of
 * the pseudo header. Only a frame for which batch_tcp_headers is not 0.
 */
void batch_complete(struct batch *batch);

#endif
