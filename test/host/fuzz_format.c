/* SPDX-License-Identifier: MIT */
/*
 * Fuzzer: the bytes select a format of conversions that C defines, and its arguments. libc must
 * print the same, for every size of the buffer.
 *
 * All arguments are 64 bits wide; test_format.c explains why.
 */
#include "fuzz.h"

#include "lib/format.h"

#pragma clang diagnostic ignored "-Wformat-nonliteral"

#define ARGS_MAX 9
#define TEXT_MAX 512

/* The input, consumed from the front; zeros after its end. */
struct input {
    const u8 *data;
    size_t size;
};

static u8 next(struct input *in)
{
    if (!in->size)
        return 0;
    in->size--;
    return *in->data++;
}

static u64 next_u64(struct input *in)
{
    u64 value = 0;
    u8 bytes = next(in) % 9;

    while (bytes--)
        value = value << 8 | next(in);
    return next(in) % 2 ? -value : value;
}

struct call {
    char fmt[256];
    u64 args[ARGS_MAX];
    unsigned nr_args;
};

static void add_text(struct call *call, const char *text)
{
    strcat(call->fmt, text);
}

static void add_flags(struct call *call, struct input *in, const char *allowed)
{
    u8 choice = next(in);
    char text[2] = "";

    for (unsigned i = 0; allowed[i]; i++) {
        text[0] = allowed[i];
        if (choice & (1u << i))
            add_text(call, text);
    }
}

static void add_width(struct call *call, struct input *in)
{
    char text[8];

    snprintf(text, sizeof(text), "%u", next(in));
    if (text[0] != '0')
        add_text(call, text);
}

static void add_conversion(struct call *call, struct input *in)
{
    static const char *const lengths[] = {"", "l", "ll", "z"};
    static const char *const texts[] = {"", "%", "text", "a text that is a little longer"};
    static const char conversions[] = "duxcsp";
    static const char *const flags[] = {"0", "0", "0#", "", "", ""};
    unsigned which = next(in) % (sizeof(conversions) - 1);
    char conversion[2] = {conversions[which]};

    add_text(call, "%");
    add_flags(call, in, flags[which]);
    add_width(call, in);
    if (which < 3)
        add_text(call, lengths[next(in) % ARRAY_SIZE(lengths)]);
    add_text(call, conversion);
    call->args[call->nr_args] = next_u64(in);
    if (*conversion == 's')
        call->args[call->nr_args] = (uintptr_t)texts[next(in) % ARRAY_SIZE(texts)];
    else if (*conversion == 'p')
        call->args[call->nr_args] |= 1; /* libc prints NULL differently */
    call->nr_args++;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct input in = {data, size};
    struct call c = {0};
    const u64 *a = c.args;
    char want[TEXT_MAX];
    char got[TEXT_MAX];
    size_t room = next(&in) % 2 ? TEXT_MAX : next(&in);
    int want_len;
    int got_len;

    while (in.size && c.nr_args < ARGS_MAX) {
        add_text(&c, next(&in) % 2 ? " %% and " : "|");
        add_conversion(&c, &in);
    }
    memset(want, 0x5a, sizeof(want));
    memset(got, 0x5a, sizeof(got));
    want_len = snprintf(want, room, c.fmt, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8]);
    got_len = ksnprintf(got, room, c.fmt, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8]);
    if (want_len != got_len || memcmp(want, got, sizeof(want)) != 0)
        fprintf(stderr, "format \"%s\" in %zu bytes\n", c.fmt, room);
    REQUIRE(want_len == got_len);
    REQUIRE(memcmp(want, got, sizeof(want)) == 0);
    return 0;
}
