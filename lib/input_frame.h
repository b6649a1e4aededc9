/* SPDX-License-Identifier: MIT */
/*
 * The frames in which ./run.sh sends a program's standard input to the console. docs/input.md
 * describes the exchange; kernel/app_input.c is the guest's side of it.
 *
 * A frame is '{', digits, '}'. A digit is one of the 64 characters from '0' to 'o' and carries 6
 * bits, most significant first, so a frame passes a console that changes control characters or
 * drops the eighth bit, as Xen's does. The bits are those of these bytes:
 *
 *    | offset, 3 bytes | data, 0 to INPUT_DATA_MAX bytes | CRC-16 of all before it, 2 bytes |
 *
 * Numbers are big-endian. The offset is the position of the data in the stream, modulo 2^24. A
 * frame without data is the end of the stream. Outside of a frame, '.' means that the sender has
 * nothing to send yet, and all other bytes are ignored.
 */
#ifndef LIB_INPUT_FRAME_H
#define LIB_INPUT_FRAME_H

#include "lib/types.h"

#define INPUT_DATA_MAX    12288
#define INPUT_OFFSET_LEN  3
#define INPUT_CRC_LEN     2
#define INPUT_OFFSET_MASK 0xffffffu
#define INPUT_REQUEST_LEN 5

struct input_reader {
    bool inside; /* '{' was read, and all since then were digits */
    u32 bits;    /* the digits' bits that do not fill a byte yet */
    u32 nr_bits; /* how many, 0 to 7 */
    u32 len;     /* bytes in bytes[] */
    u32 offset;  /* of a whole frame, like the next two */
    u32 data_len;
    const u8 *data; /* inside bytes[], until the next call of input_feed */
    u8 bytes[INPUT_OFFSET_LEN + INPUT_DATA_MAX + INPUT_CRC_LEN];
};

enum input_event {
    INPUT_NONE,            /* nothing is complete */
    INPUT_WHOLE,           /* offset, data and data_len are set */
    INPUT_BROKEN,          /* a frame ended or was cut off, and is not valid */
    INPUT_NOTHING_TO_SEND, /* '.' */
};

/* Read one byte of console input. A zeroed reader is at the start. */
enum input_event input_feed(struct input_reader *reader, u8 byte);

/* Return the CRC-16/XMODEM of the bytes: polynomial 0x1021, start 0. */
u16 input_crc(const u8 *bytes, size_t len);

/*
 * Write the request for the frame at this offset: ENQ (5) and 4 digits. It acknowledges all bytes
 * before the offset.
 */
void input_request(char request[INPUT_REQUEST_LEN], u64 offset);

#define INPUT_REQUEST_START '\5'

/*
 * How long a guest waits for the frame that it has requested. Times are in ns.
 *
 * The clock may jump by minutes, because the host was suspended or the machine was stopped. So the
 * wait is over when INPUT_SILENCE_NS have passed and INPUT_UNANSWERED requests had no answer.
 */
struct input_wait {
    u64 heard;      /* when the wait began, or the other end last answered */
    u64 patience;   /* from a request to the next */
    u32 unanswered; /* requests that were repeated since then */
};

#define INPUT_SILENCE_NS 120000000000ull
#define INPUT_UNANSWERED 16

void input_wait_begin(struct input_wait *wait, u64 now);
/* The other end has nothing to send yet: it will send the frame without another request. */
void input_wait_answered(struct input_wait *wait, u64 now);
void input_wait_repeat(struct input_wait *wait);
bool input_wait_is_over(const struct input_wait *wait, u64 now);

#endif
