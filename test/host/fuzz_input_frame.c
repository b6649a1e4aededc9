/* SPDX-License-Identifier: MIT */
/*
 * Fuzzer: any bytes as console input. A frame that is whole is inside the reader's bytes, and the
 * sender's frame of the same offset and data must be read as the same. A frame that follows any
 * bytes that do not end inside one is read.
 */
#include "fuzz.h"

#include "input_frames.h"

static void require_round_trip(const struct input_reader *whole)
{
    static struct input_reader again;
    static char text[FRAME_TEXT_MAX];
    const size_t size = write_frame(text, whole->offset, whole->data, whole->data_len);
    enum input_event event = INPUT_NONE;

    again = (struct input_reader){0};
    for (size_t i = 0; i < size; i++) {
        REQUIRE(event == INPUT_NONE);
        event = input_feed(&again, (u8)text[i]);
    }
    REQUIRE(event == INPUT_WHOLE);
    REQUIRE(again.offset == whole->offset && again.data_len == whole->data_len);
    REQUIRE(!memcmp(again.data, whole->data, whole->data_len));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static struct input_reader reader;

    reader = (struct input_reader){0};
    for (size_t i = 0; i < size; i++) {
        const bool inside = reader.inside;
        const enum input_event event = input_feed(&reader, data[i]);

        REQUIRE(event != INPUT_BROKEN || inside);
        REQUIRE(reader.len <= sizeof(reader.bytes) && reader.nr_bits < 8);
        if (event != INPUT_WHOLE)
            continue;
        REQUIRE(reader.data >= reader.bytes && reader.data_len <= INPUT_DATA_MAX);
        require_round_trip(&reader);
    }
    if (reader.inside)
        input_feed(&reader, '\n');
    reader.offset = (u32)size & INPUT_OFFSET_MASK;
    reader.data = data;
    reader.data_len = (u32)MIN(size, INPUT_DATA_MAX);
    require_round_trip(&reader);
    return 0;
}
