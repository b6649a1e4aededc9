/* SPDX-License-Identifier: MIT */
/* The sender's side of lib/input_frame.h, for the test and the fuzzer of its reader. */
#ifndef TEST_HOST_INPUT_FRAMES_H
#define TEST_HOST_INPUT_FRAMES_H

#include <string.h>

#include "lib/input_frame.h"

#define FRAME_BYTES_MAX (INPUT_OFFSET_LEN + INPUT_DATA_MAX + INPUT_CRC_LEN)
#define FRAME_TEXT_MAX  (FRAME_BYTES_MAX * 8 / 6 + 3)

/* Write a frame to text (FRAME_TEXT_MAX bytes), and return its length. */
static __unused size_t write_frame(char *text, u32 offset, const u8 *data, u32 len)
{
    static u8 bytes[FRAME_BYTES_MAX + 1];
    const u32 end = INPUT_OFFSET_LEN + len, size = end + INPUT_CRC_LEN;
    size_t n = 0;
    u16 crc;

    bytes[0] = (u8)(offset >> 16);
    bytes[1] = (u8)(offset >> 8);
    bytes[2] = (u8)offset;
    memcpy(bytes + INPUT_OFFSET_LEN, data, len);
    crc = input_crc(bytes, end);
    bytes[end] = (u8)(crc >> 8);
    bytes[end + 1] = (u8)crc;
    bytes[size] = 0;
    text[n++] = '{';
    for (u32 bit = 0; bit < size * 8; bit += 6) {
        const u32 two = (u32)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];

        text[n++] = (char)('0' + (two >> (10 - bit % 8) & 63));
    }
    text[n++] = '}';
    return n;
}

#endif
