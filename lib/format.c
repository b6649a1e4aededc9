/*
 * lib/format.c: printf's formatting, after C11 7.21.6.1, into a bounded buffer.
 *
 * Every character goes through emit(), the one place that writes and counts; whatever the format
 * says, no byte outside of the buffer is touched and the time is bounded by buffer and texts, not
 * by widths: padding beyond the end of the buffer is only counted.
 */
#include "lib/format.h"

#include "lib/string.h"

/* Where the text goes. len is the length of the whole text, of which cap bytes are kept. */
struct sink {
    char *buf;
    size_t cap;
    size_t len;
};

enum length {
    LENGTH_INT,
    LENGTH_CHAR,
    LENGTH_SHORT,
    LENGTH_LONG, /* on x86-64 also ll and z: all are 64 bits */
};

/* One conversion specification. A precision of -1 means: none given. */
struct spec {
    bool left;  /* - */
    bool zero;  /* 0 */
    bool plus;  /* + */
    bool space; /* ' ' */
    bool alt;   /* # */
    s64 width;
    s64 precision;
    enum length length;
    char conversion;
};

/* 64 bits in base 8 or more, a sign and 0x would fit many times. */
#define DIGITS_MAX 24

static void emit(struct sink *out, const char *text, size_t n)
{
    if (out->len < out->cap)
        memcpy(out->buf + out->len, text, MIN(n, out->cap - out->len));
    out->len += n;
}

static void emit_fill(struct sink *out, char c, s64 n)
{
    if (n <= 0)
        return;
    if (out->len < out->cap)
        memset(out->buf + out->len, c, MIN((size_t)n, out->cap - out->len));
    out->len += n;
}

/* Text in a field: blanks go to the left, or with '-' to the right. */
static void emit_field(struct sink *out, const struct spec *spec, const char *text, size_t n)
{
    s64 blanks = spec->width - (s64)n;

    if (!spec->left)
        emit_fill(out, ' ', blanks);
    emit(out, text, n);
    if (spec->left)
        emit_fill(out, ' ', blanks);
}

static void emit_string(struct sink *out, const struct spec *spec, const char *s)
{
    size_t max = spec->precision < 0 ? SIZE_MAX : (size_t)spec->precision;

    if (!s)
        s = "(null)";
    emit_field(out, spec, s, strnlen(s, max));
}

/* Writes the digits of value up to end, and returns where they start; no digits for 0. */
static char *put_digits(char *end, u64 value, unsigned base, bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";

    for (; value; value /= base)
        *--end = digits[value % base];
    return end;
}

/*
 * A number is: blanks, prefix (sign or 0x), zeros, digits, blanks. The zeros come from the
 * precision, or from the '0' flag if neither a precision nor '-' is given.
 */
static void emit_number(struct sink *out, const struct spec *spec, const char *prefix, u64 value,
                        unsigned base)
{
    char buf[DIGITS_MAX];
    char *end = buf + sizeof(buf);
    char *text = put_digits(end, value, base, spec->conversion == 'X');
    s64 digits = end - text;
    s64 prefix_len = strlen(prefix);
    s64 zeros = (spec->precision < 0 ? 1 : spec->precision) - digits;
    s64 blanks;

    if (spec->zero && !spec->left && spec->precision < 0)
        zeros = MAX(zeros, spec->width - prefix_len - digits);
    zeros = MAX(zeros, 0);
    blanks = spec->width - prefix_len - zeros - digits;

    if (!spec->left)
        emit_fill(out, ' ', blanks);
    emit(out, prefix, prefix_len);
    emit_fill(out, '0', zeros);
    emit(out, text, digits);
    if (spec->left)
        emit_fill(out, ' ', blanks);
}

static void emit_signed(struct sink *out, const struct spec *spec, s64 value)
{
    const char *sign = spec->plus ? "+" : spec->space ? " " : "";

    emit_number(out, spec, value < 0 ? "-" : sign, value < 0 ? -(u64)value : (u64)value, 10);
}

static void emit_hex(struct sink *out, const struct spec *spec, u64 value)
{
    const char *prefix = spec->conversion == 'X' ? "0X" : "0x";

    emit_number(out, spec, spec->alt && value ? prefix : "", value, 16);
}

/* The type that an argument had before the default promotions is what the length says. */
static s64 narrow_signed(s64 value, enum length length)
{
    switch (length) {
    case LENGTH_CHAR:
        return (signed char)value;
    case LENGTH_SHORT:
        return (short)value;
    case LENGTH_INT:
        return (int)value;
    case LENGTH_LONG:
        break;
    }
    return value;
}

static u64 narrow_unsigned(u64 value, enum length length)
{
    switch (length) {
    case LENGTH_CHAR:
        return (unsigned char)value;
    case LENGTH_SHORT:
        return (unsigned short)value;
    case LENGTH_INT:
        return (unsigned int)value;
    case LENGTH_LONG:
        break;
    }
    return value;
}

static const char *parse_flags(const char *p, struct spec *spec)
{
    for (;; p++) {
        switch (*p) {
        case '-':
            spec->left = true;
            break;
        case '0':
            spec->zero = true;
            break;
        case '+':
            spec->plus = true;
            break;
        case ' ':
            spec->space = true;
            break;
        case '#':
            spec->alt = true;
            break;
        default:
            return p;
        }
    }
}

/* A decimal number; one that no int holds stays at the largest int. */
static const char *parse_number(const char *p, s64 *number)
{
    *number = 0;
    for (; *p >= '0' && *p <= '9'; p++)
        *number = MIN(*number * 10 + (*p - '0'), INT32_MAX);
    return p;
}

static const char *parse_length(const char *p, struct spec *spec)
{
    switch (*p) {
    case 'h':
        spec->length = p[1] == 'h' ? LENGTH_CHAR : LENGTH_SHORT;
        return p[1] == 'h' ? p + 2 : p + 1;
    case 'l':
        spec->length = LENGTH_LONG;
        return p[1] == 'l' ? p + 2 : p + 1;
    case 'z':
        spec->length = LENGTH_LONG;
        return p + 1;
    default:
        return p;
    }
}

/* A va_list is handed on inside a struct: as a bare parameter it would decay to a pointer. */
struct args {
    va_list ap;
};

/* Reads one specification; p stands behind the '%'. Returns where it ends. */
static const char *parse_spec(const char *p, struct spec *spec, struct args *args)
{
    *spec = (struct spec){.precision = -1};
    p = parse_flags(p, spec);
    if (*p == '*') {
        spec->width = va_arg(args->ap, int);
        if (spec->width < 0) {
            spec->left = true;
            spec->width = -spec->width;
        }
        p++;
    } else {
        p = parse_number(p, &spec->width);
    }
    if (*p == '.') {
        p++;
        if (*p == '*') {
            spec->precision = va_arg(args->ap, int);
            p++;
        } else {
            p = parse_number(p, &spec->precision);
        }
    }
    p = parse_length(p, spec);
    spec->conversion = *p;
    return *p ? p + 1 : p;
}

static s64 next_signed(const struct spec *spec, struct args *args)
{
    if (spec->length == LENGTH_LONG)
        return va_arg(args->ap, long);
    return narrow_signed(va_arg(args->ap, int), spec->length);
}

static u64 next_unsigned(const struct spec *spec, struct args *args)
{
    if (spec->length == LENGTH_LONG)
        return va_arg(args->ap, unsigned long);
    return narrow_unsigned(va_arg(args->ap, unsigned int), spec->length);
}

/* Prints one conversion. Returns false, and takes no argument, if it is unknown. */
static bool convert(struct sink *out, const struct spec *spec, struct args *args)
{
    char c;

    switch (spec->conversion) {
    case 'd':
    case 'i':
        emit_signed(out, spec, next_signed(spec, args));
        return true;
    case 'u':
        emit_number(out, spec, "", next_unsigned(spec, args), 10);
        return true;
    case 'x':
    case 'X':
        emit_hex(out, spec, next_unsigned(spec, args));
        return true;
    case '%':
        emit(out, "%", 1);
        return true;
    default:
        break;
    }
    if (spec->length != LENGTH_INT) /* %lc and %ls would be wide characters */
        return false;
    switch (spec->conversion) {
    case 'c':
        c = (char)va_arg(args->ap, int);
        emit_field(out, spec, &c, 1);
        return true;
    case 's':
        emit_string(out, spec, va_arg(args->ap, const char *));
        return true;
    case 'p':
        emit_number(out, spec, "0x", (uintptr_t)va_arg(args->ap, void *), 16);
        return true;
    default:
        return false;
    }
}

int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct sink out = {.buf = buf, .cap = size ? size - 1 : 0};
    struct args args;
    struct spec spec;
    const char *start;

    va_copy(args.ap, ap);
    while (*fmt) {
        start = fmt;
        while (*fmt && *fmt != '%')
            fmt++;
        emit(&out, start, fmt - start);
        if (!*fmt)
            break;
        start = fmt;
        fmt = parse_spec(fmt + 1, &spec, &args);
        if (!convert(&out, &spec, &args))
            emit(&out, start, fmt - start);
    }
    va_end(args.ap);
    if (size)
        buf[MIN(out.len, out.cap)] = '\0';
    return (int)MIN(out.len, (size_t)INT32_MAX);
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
