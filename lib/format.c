/*
 * lib/format.c: printf's formatting into a bounded buffer; lib/format.h says how much of it.
 *
 * Every character goes through put(), the one place that writes and counts; whatever the format
 * says, no byte outside of the buffer is touched, and the time is bounded by format and texts.
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

/* One conversion specification. */
struct spec {
    bool zero, alt, is_long; /* 0, #; l, ll or z */
    size_t width;
    char conversion;
};

static void put(struct sink *out, char c)
{
    if (out->len < out->cap)
        out->buf[out->len] = c;
    out->len++;
}

/* A field is: blanks, prefix (sign or 0x), zeros, text. */
static void put_field(struct sink *out, const struct spec *spec, const char *prefix,
                      const char *text, size_t n)
{
    size_t pad = spec->width - MIN(spec->width, strlen(prefix) + n);

    for (; pad && !spec->zero; pad--)
        put(out, ' ');
    while (*prefix)
        put(out, *prefix++);
    for (; pad; pad--)
        put(out, '0');
    while (n--)
        put(out, *text++);
}

static void put_number(struct sink *out, const struct spec *spec, u64 value)
{
    const bool is_signed = spec->conversion == 'd';
    const u32 base = is_signed || spec->conversion == 'u' ? 10 : 16;
    char digits[DIGITS_MAX], *text = digits + DIGITS_MAX;
    const char *prefix = "";

    if (!spec->is_long)
        value = is_signed ? (u64)(s32)value : (u32)value;
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

/* Prints one conversion with its argument, whose type is narrower than u64 if the text says so. */
static void put_argument(struct sink *out, const struct spec *spec, u64 value)
{
    const char *text = value ? (const char *)value : "(null)";
    const char c = (char)value;

    if (spec->conversion == 's')
        put_field(out, spec, "", text, strlen(text));
    else if (spec->conversion == 'c')
        put_field(out, spec, "", &c, 1);
    else
        put_number(out, spec, value);
}

/* Reads the specification behind a '%'. Returns its last character, NULL if it is unknown. */
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
        spec->is_long = true;
    if (*p == 'p')
        spec->is_long = spec->alt = true;
    spec->conversion = *p;
    return *p && strchr("%cdpsux", *p) ? p : NULL;
}

/*
 * Whatever its type, an argument takes 8 bytes (System V ABI, section 3.2.3), so all are read as
 * u64; above a narrower one's is anything.
 */
int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct sink out = {.buf = buf, .cap = size ? size - 1 : 0};
    struct spec spec;
    const char *last;

    for (; *fmt; fmt++) {
        last = *fmt == '%' ? parse_spec(fmt + 1, &spec) : NULL;
        if (last)
            fmt = last;
        if (last && *last != '%')
            put_argument(&out, &spec, va_arg(ap, u64));
        else
            put(&out, *fmt);
    }
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
