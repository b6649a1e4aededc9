/* SPDX-License-Identifier: MIT */
/* lib/input_frame.c: frames that are whole, damaged, too long, and requests. */
#include "harness.h"

#include "input_frames.h"

static struct input_reader reader;

/* Feed bytes, and return the event that the last of them makes; the others must make none. */
static enum input_event feed(const char *bytes, size_t len)
{
    enum input_event event = INPUT_NONE;

    for (size_t i = 0; i < len; i++) {
        CHECK_EQ(event, INPUT_NONE);
        event = input_feed(&reader, (u8)bytes[i]);
    }
    return event;
}

static void test_crc(void)
{
    CHECK_EQ(input_crc((const u8 *)"123456789", 9), 0x31c3); /* the check value of CRC-16/XMODEM */
    CHECK_EQ(input_crc((const u8 *)"", 0), 0);
}

static void check_frame(u32 offset, u32 len)
{
    static u8 data[INPUT_DATA_MAX];
    char *text = malloc(FRAME_TEXT_MAX);
    size_t size;

    random_bytes(data, len);
    size = write_frame(text, offset, data, len);
    CHECK_EQ(feed(text, size), INPUT_WHOLE);
    CHECK_EQ(reader.offset, offset & INPUT_OFFSET_MASK);
    CHECK_EQ(reader.data_len, len);
    CHECK(reader.data_len == len && !memcmp(reader.data, data, len));
    for (size_t i = 0; i < size; i++)
        CHECK(text[i] >= '0' && text[i] <= '}' && text[i] != '|');
    free(text);
}

/* Every length up to a few hundred, so that each number of bits in the last digit is tried. */
static void test_frames(void)
{
    for (u32 len = 0; len < 300; len++)
        check_frame(len * 77777, len);
    check_frame(0xffffff, 1);
    check_frame(0x1000005, 9);
    check_frame(0, INPUT_DATA_MAX);
}

static void test_damage(void)
{
    static const char data[] = "data of a frame";
    char text[64], damaged[64];
    const size_t size = write_frame(text, 5, (const u8 *)data, sizeof(data));

    for (size_t i = 1; i < size - 1; i++) {
        memcpy(damaged, text, size);
        damaged[i] = (char)('0' + (text[i] - '0' + 1) % 64);
        CHECK_EQ(feed(damaged, size), INPUT_BROKEN);
    }
    for (size_t cut = 1; cut < size; cut++) { /* the next frame begins inside of this one */
        CHECK_EQ(feed(text, cut), INPUT_NONE);
        CHECK_EQ(input_feed(&reader, '{'), INPUT_BROKEN);
        CHECK_EQ(feed(text + 1, size - 1), INPUT_WHOLE);
    }
    CHECK_EQ(feed("{}", 2), INPUT_BROKEN);
    CHECK_EQ(feed("{0000000", 8), INPUT_NONE);
    CHECK_EQ(input_feed(&reader, '\n'), INPUT_BROKEN);
}

static void test_other_bytes(void)
{
    for (u32 byte = 0; byte < 256; byte++) {
        if (byte != '{' && byte != '.')
            CHECK_EQ(input_feed(&reader, (u8)byte), INPUT_NONE);
    }
    CHECK_EQ(input_feed(&reader, '.'), INPUT_NOTHING_TO_SEND);
    CHECK_EQ(input_feed(&reader, '{'), INPUT_NONE);
    CHECK_EQ(input_feed(&reader, '.'), INPUT_BROKEN);
}

/* A frame that is too long is broken at its first byte too many. */
static void test_too_long(void)
{
    enum input_event event;
    size_t digits = 0;

    CHECK_EQ(input_feed(&reader, '{'), INPUT_NONE);
    while ((event = input_feed(&reader, 'o')) == INPUT_NONE)
        digits++;
    CHECK_EQ(event, INPUT_BROKEN);
    CHECK_EQ(digits, (sizeof(reader.bytes) * 8 + 7) / 6);
}

static void test_requests(void)
{
    char request[INPUT_REQUEST_LEN];

    input_request(request, 0);
    CHECK(!memcmp(request, "\0050000", 5));
    input_request(request, 0xabcdef);
    CHECK(!memcmp(request, "\005Zlg_", 5));
    input_request(request, 0x123456789abcdef);
    CHECK(!memcmp(request, "\005Zlg_", 5));
}

/* Repeat the request whenever the patience is over; return for how long. */
static u64 wait_unanswered(struct input_wait *wait, u64 start)
{
    u64 now = start;

    while (!input_wait_is_over(wait, now)) {
        now += wait->patience;
        input_wait_repeat(wait);
    }
    return now - start;
}

static void test_wait(void)
{
    struct input_wait wait;
    u64 waited;

    input_wait_begin(&wait, 7);
    CHECK_EQ(wait.patience, 250000000);
    waited = wait_unanswered(&wait, 7);
    CHECK(waited >= INPUT_SILENCE_NS && waited < INPUT_SILENCE_NS + 5000000000ull);
    input_wait_answered(&wait, 7 + waited);
    CHECK(!input_wait_is_over(&wait, 7 + waited));
    CHECK_EQ(wait.patience, 4000000000);
}

/* The machine was stopped for an hour: the other end gets time to answer. */
static void test_wait_survives_a_jump_of_the_clock(void)
{
    const u64 hour = 3600000000000ull;
    struct input_wait wait;

    input_wait_begin(&wait, 0);
    CHECK(!input_wait_is_over(&wait, hour));
    CHECK(wait_unanswered(&wait, hour) > 30000000000ull);
}

int main(void)
{
    RUN(test_crc);
    RUN(test_frames);
    RUN(test_damage);
    RUN(test_other_bytes);
    RUN(test_too_long);
    RUN(test_requests);
    RUN(test_wait);
    RUN(test_wait_survives_a_jump_of_the_clock);
    return finish("input_frame");
}
