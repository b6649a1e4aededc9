/* SPDX-License-Identifier: MIT */
/* The reader of lib/input_frame.h. It trusts no byte: console input may be anything. */
#include "lib/input_frame.h"

#define FIRST_PATIENCE_NS 250000000ull
#define LAST_PATIENCE_NS  4000000000ull

#define DIGIT_FIRST '0'
#define DIGIT_BITS  6

u16 input_crc(const u8 *bytes, size_t len)
{
    /* The remainders of the 16 values of 4 bits. */
    static const u16 table[] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
                                0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    u32 crc = 0;

    for (size_t i = 0; i < len; i++) {
        crc = (crc << 4 & 0xffff) ^ table[(crc >> 12 ^ bytes[i] >> 4) & 15];
        crc = (crc << 4 & 0xffff) ^ table[(crc >> 12 ^ bytes[i]) & 15];
    }
    return (u16)crc;
}

/* Return whether bytes[] is a frame, and set what it carries. */
static bool frame_is_valid(struct input_reader *r)
{
    const u32 min = INPUT_OFFSET_LEN + INPUT_CRC_LEN;
    const u8 *b = r->bytes, *crc = b + r->len - INPUT_CRC_LEN;

    if (r->len < min || input_crc(b, r->len - INPUT_CRC_LEN) != (crc[0] << 8 | crc[1]))
        return false;
    r->offset = (u32)b[0] << 16 | (u32)b[1] << 8 | b[2];
    r->data = b + INPUT_OFFSET_LEN;
    r->data_len = r->len - min;
    return true;
}

/* Append a digit's bits. Return false if the frame is too long. */
static bool add_digit(struct input_reader *r, u32 digit)
{
    r->bits = (r->bits << DIGIT_BITS | digit) & 0xffff;
    r->nr_bits += DIGIT_BITS;
    if (r->nr_bits < 8)
        return true;
    if (r->len == sizeof(r->bytes))
        return false;
    r->nr_bits -= 8;
    r->bytes[r->len++] = (u8)(r->bits >> r->nr_bits);
    return true;
}

static enum input_event end_frame(struct input_reader *r, u8 byte)
{
    return byte == '}' && frame_is_valid(r) ? INPUT_WHOLE : INPUT_BROKEN;
}

enum input_event input_feed(struct input_reader *reader, u8 byte)
{
    const u32 digit = (u32)byte - DIGIT_FIRST;
    enum input_event event = byte == '.' ? INPUT_NOTHING_TO_SEND : INPUT_NONE;

    if (reader->inside) {
        if (digit < 1u << DIGIT_BITS && add_digit(reader, digit))
            return INPUT_NONE;
        event = end_frame(reader, byte);
    }
    reader->inside = byte == '{';
    reader->len = reader->nr_bits = 0;
    return event;
}

void input_request(char request[INPUT_REQUEST_LEN], u64 offset)
{
    request[0] = INPUT_REQUEST_START;
    for (u32 i = 1; i < INPUT_REQUEST_LEN; i++)
        request[i] =
            (char)(DIGIT_FIRST + (offset >> DIGIT_BITS * (INPUT_REQUEST_LEN - 1 - i) & 63));
}

void input_wait_begin(struct input_wait *wait, u64 now)
{
    *wait = (struct input_wait){.heard = now, .patience = FIRST_PATIENCE_NS};
}

void input_wait_answered(struct input_wait *wait, u64 now)
{
    *wait = (struct input_wait){.heard = now, .patience = LAST_PATIENCE_NS};
}

void input_wait_repeat(struct input_wait *wait)
{
    wait->patience = MIN(2 * wait->patience, LAST_PATIENCE_NS);
    wait->unanswered++;
}

bool input_wait_is_over(const struct input_wait *wait, u64 now)
{
    return now - wait->heard >= INPUT_SILENCE_NS && wait->unanswered >= INPUT_UNANSWERED;
}
