/* SPDX-License-Identifier: MIT */
/*
 * printf's formatting into a bounded buffer (lib/format.h).
 *
 * put_char is the one place that writes and counts. Whatever the format string holds, no byte
 * outside of the buffer is touched, and the time is bounded by the format and the texts.
 */
#include "lib/format.h"

#include "lib/string.h"

#define WIDTH_MAX 65535

/* 64 bits in base 10 or 16 take no more digits than this. */
#define DIGITS_MAX 20

/* Where the text goes. len is the length of the whole text, of which cap bytes are kept. */
struct sink {
    char *buf;
    size_t cap;
    size_t len;
};

enum length {
    LENGTH_INT,
    LENGTH_LONG, /* l, or z: size_t is an unsigned long */
    LENGTH_LONG_LONG,
};

/* One conversion specification. */
struct spec {
    bool zero, alt; /* 0, # */
    size_t width;
    enum length length;
    char conversion;
};

static void put_char(struct sink *out, char c)
{
    if (out->len < out->cap)
        out->buf[out->len] = c;
    out->len++;
}

/* A field is: blanks, prefix (sign or 0x), zeros, n characters of text. */
static void put_field(struct sink *out, const struct spec *spec, const char *prefix,
                      const char *text, size_t n)
{
    size_t pad = spec->width - MIN(spec->width, strlen(prefix) + n);

    for (; pad && !spec->zero; pad--)
        put_char(out, ' ');
    while (*prefix)
        put_char(out, *prefix++);
    for (; pad; pad--)
        put_char(out, '0');
    while (n--)
        put_char(out, *text++);
}

static void put_number(struct sink *out, const struct spec *spec, u64 value)
{
    const bool is_signed = spec->conversion == 'd';
    const u32 base = is_signed || spec->conversion == 'u' ? 10 : 16;
    char digits[DIGITS_MAX], *text = digits + DIGITS_MAX;
    const char *prefix = "";

    if (is_signed && (s64)value < 0) {
        value = -value;
        prefix = "-";
    } else if (spec->alt && value) {
        prefix = "0x";
    }
    do
        *--text = "0123456789abcdef"[value % base];
    while (value /= base);
    put_field(out, spec, prefix, text, (size_t)(digits + DIGITS_MAX - text));
}

static void put_string(struct sink *out, const struct spec *spec, const char *text)
{
    if (!text)
        text = "(null)";
    put_field(out, spec, "", text, strlen(text));
}

/* A va_list is an array type on x86-64; in a struct it can be passed on and advanced for its owner.
 */
struct arguments {
    va_list list;
};

/* Take an integer argument of the type that C11 7.21.6.1 gives the conversion. */
static u64 take_signed(const struct spec *spec, struct arguments *arguments)
{
    switch (spec->length) {
    case LENGTH_LONG_LONG:
        return (u64)va_arg(arguments->list, long long);
    case LENGTH_LONG:
        return (u64)va_arg(arguments->list, long);
    default:
        return (u64)va_arg(arguments->list, int);
    }
}

static u64 take_unsigned(const struct spec *spec, struct arguments *arguments)
{
    switch (spec->length) {
    case LENGTH_LONG_LONG:
        return va_arg(arguments->list, unsigned long long);
    case LENGTH_LONG:
        return va_arg(arguments->list, unsigned long);
    default:
        return va_arg(arguments->list, unsigned);
    }
}

/* Print one conversion with its argument. */
static void put_argument(struct sink *out, const struct spec *spec, struct arguments *arguments)
{
    char c;

    switch (spec->conversion) {
    case 's':
        put_string(out, spec, va_arg(arguments->list, const char *));
        break;
    case 'c':
        c = (char)va_arg(arguments->list, int);
        put_field(out, spec, "", &c, 1);
        break;
    case 'p':
        put_number(out, spec, (u64)va_arg(arguments->list, void *));
        break;
    case 'd':
        put_number(out, spec, take_signed(spec, arguments));
        break;
    default:
        put_number(out, spec, take_unsigned(spec, arguments));
        break;
    }
}

/*
 * Parse the specification after a '%'. Return a pointer to its last character, or NULL if it is not
 * one that this file implements.
 */
static const char *parse_spec(const char *p, struct spec *spec)
{
    *spec = (struct spec){0};
    for (; *p == '0' || *p == '#'; p++) {
        spec->zero |= *p == '0';
        spec->alt |= *p == '#';
    }
    for (; *p >= '0' && *p <= '9'; p++)
        spec->width = MIN(spec->width * 10 + (size_t)(*p - '0'), WIDTH_MAX);
    for (; *p == 'l' || *p == 'z'; p++)
        spec->length = spec->length == LENGTH_INT ? LENGTH_LONG : LENGTH_LONG_LONG;
    if (*p == 'p')
        spec->alt = true;
    spec->conversion = *p;
    return *p && strchr("%cdpsux", *p) ? p : NULL;
}

int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct sink out = {.buf = buf, .cap = size ? size - 1 : 0};
    struct arguments arguments;
    struct spec spec;
    const char *last;

    va_copy(arguments.list, ap);
    for (; *fmt; fmt++) {
        last = *fmt == '%' ? parse_spec(fmt + 1, &spec) : NULL;
        if (last)
            fmt = last;
        if (last && *last != '%')
            put_argument(&out, &spec, &arguments);
        else
            put_char(&out, *fmt);
    }
    va_end(arguments.list);
    if (size)
        buf[MIN(out.len, out.cap)] = '\0';
    return (int)out.len;
}

int ksnprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = kvsnprintf(buf, size, fmt, ap);
    va_end(ap);
    return len;
}
