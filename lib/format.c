/*
 * lib/format.c: printf's formatting into a bounded buffer; lib/format.h says how much of it.
 *
 * Every character goes through put(), the one place that writes and counts; whatever the format
 * says, no byte outside of the buffer is touched, and the time is bounded by format and texts.
 */
#include "lib/format.h"

#include "lib/string.h"

#define NUMBER_MAX 65535

/* Where the text goes. len is the length of the whole text, of which cap bytes are kept. */
struct sink {
    char *buf;
    size_t cap;
    size_t len;
};

/* What a conversion specification says: the flags 0 and #; is_long: l, ll or z, all 64 bits. */
struct spec {
    bool zero, alt, is_long;
    u32 width;
};

/* 64 bits in base 10 or 16 take no more digits than this. */
#define DIGITS_MAX 20

static void put(struct sink *out, char c)
{
    if (out->len < out->cap)
        out->buf[out->len] = c;
    out->len++;
}

/* Text in a field: blanks to its left, or zeros between it and its prefix. */
static void put_field(struct sink *out, const struct spec *spec, const char *prefix,
                      const char *text, size_t n)
{
    size_t used = strlen(prefix) + n;

    for (; !spec->zero && used < spec->width; used++)
        put(out, ' ');
    while (*prefix)
        put(out, *prefix++);
    for (; used < spec->width; used++)
        put(out, '0');
    while (n--)
        put(out, *text++);
}

static void put_number(struct sink *out, const struct spec *spec, const char *prefix, u64 value,
                       u32 base)
{
    char digits[DIGITS_MAX];
    char *end = digits + DIGITS_MAX, *p = end;

    do
        *--p = "0123456789abcdef"[value % base];
    while (value /= base);
    put_field(out, spec, prefix, p, (size_t)(end - p));
}

/* A va_list is handed on inside a struct: as a bare parameter it would decay to a pointer. */
struct args {
    va_list ap;
};

static s64 next_signed(const struct spec *spec, struct args *args)
{
    return spec->is_long ? va_arg(args->ap, long) : va_arg(args->ap, int);
}

static u64 next_unsigned(const struct spec *spec, struct args *args)
{
    return spec->is_long ? va_arg(args->ap, unsigned long) : va_arg(args->ap, unsigned int);
}

/* A decimal number, 0 if there is none; one that is too large stays at NUMBER_MAX. */
static const char *parse_number(const char *p, u32 *number)
{
    for (*number = 0; *p >= '0' && *p <= '9'; p++)
        *number = MIN(*number * 10 + (u32)(*p - '0'), NUMBER_MAX);
    return p;
}

/*
 * Prints one conversion; p stands behind its '%'. Returns its last character; or NULL, having taken
 * no argument, if it is unknown.
 */
static const char *convert(struct sink *out, const char *p, struct args *args)
{
    struct spec spec = {0};
    u32 precision = UINT32_MAX; /* none, as is a negative one */
    const char *text;
    u64 value;
    char c;

    for (; *p == '0' || *p == '#'; p++) {
        spec.zero |= *p == '0';
        spec.alt |= *p == '#';
    }
    p = parse_number(p, &spec.width);
    if (p[0] == '.' && p[1] == '*' && p[2] == 's') {
        precision = (u32)va_arg(args->ap, int);
        p += 2;
    } else if (*p == '.') {
        p = parse_number(p + 1, &precision);
        if (*p != 's')
            return NULL;
    }
    for (; *p == 'l' || *p == 'z'; p++)
        spec.is_long = true;

    switch (*p) {
    case 'd':
        value = next_signed(&spec, args);
        put_number(out, &spec, (s64)value < 0 ? "-" : "", (s64)value < 0 ? -value : value, 10);
        return p;
    case 'u':
        put_number(out, &spec, "", next_unsigned(&spec, args), 10);
        return p;
    case 'x':
        value = next_unsigned(&spec, args);
        put_number(out, &spec, spec.alt && value ? "0x" : "", value, 16);
        return p;
    case 'p':
        put_number(out, &spec, "0x", (uintptr_t)va_arg(args->ap, void *), 16);
        return p;
    case 'c':
        c = (char)va_arg(args->ap, int);
        put_field(out, &spec, "", &c, 1);
        return p;
    case 's':
        text = va_arg(args->ap, const char *);
        if (!text)
            text = "(null)";
        put_field(out, &spec, "", text, strnlen(text, precision));
        return p;
    case '%':
        put(out, '%');
        return p;
    default:
        return NULL;
    }
}

int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct sink out = {.buf = buf, .cap = size ? size - 1 : 0};
    struct args args;

    va_copy(args.ap, ap);
    for (; *fmt; fmt++) {
        const char *last = *fmt == '%' ? convert(&out, fmt + 1, &args) : NULL;

        if (last)
            fmt = last;
        else
            put(&out, *fmt);
    }
    va_end(args.ap);
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
