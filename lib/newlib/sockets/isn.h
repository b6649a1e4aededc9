/* SPDX-License-Identifier: MIT */
/* First sequence numbers of TCP connections (isn.c). */
#ifndef LIB_NEWLIB_SOCKETS_ISN_H
#define LIB_NEWLIB_SOCKETS_ISN_H

#include <stdint.h>

/*
 * The clock adds 1 in this time, 15.6 million a second. So a connection that sends less than
 * 15 MB/s ends below the first number of the next one.
 */
#define ISN_TICK_NS 64

/* Return SipHash-2-4 of 16 bytes. */
uint64_t isn_hash(const uint64_t key[2], const uint64_t words[2]);

#endif
