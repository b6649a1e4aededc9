/* SPDX-License-Identifier: MIT */
/*
 * lib/format.c compared with libc's snprintf, over all combinations of flags, widths, lengths and
 * many values; then the properties that only the kernel's function has.
 *
 * All arguments are passed as 64 bits: on x86-64 a narrower va_arg reads the low part of the same
 * slot, so one call serves every length.
 */
#include "harness.h"

#include "lib/format.h"

#pragma GCC diagnostic ignored "-Wformat-nonliteral"

#define TEXT_MAX 256
#define CANARY   0x5a

static const u64 values[] = {
    0,          1,          9,         10,        42,         0x7f,
    0x80,       0xff,       0x7fff,    0x8000,    0xffff,     0x7fffffff,
    0x80000000, 0xffffffff, INT64_MAX, 1ul << 63, UINT64_MAX, UINT64_MAX - 41,
};

/*
 * Format with both functions into size bytes, and compare text, length, and the bytes after the
 * text.
 */
static void compare(size_t size, const char *fmt, ...)
{
    char want[TEXT_MAX];
    char got[TEXT_MAX];
    va_list ap;
    int want_len;
    int got_len;

    memset(want, CANARY, sizeof(want));
    memset(got, CANARY, sizeof(got));
    va_start(ap, fmt);
    want_len = vsnprintf(want, size, fmt, ap);
    va_end(ap);
    va_start(ap, fmt);
    got_len = kvsnprintf(got, size, fmt, ap);
    va_end(ap);
    if (want_len == got_len && memcmp(want, got, sizeof(want)) == 0)
        checks++;
    else
        fail_at(__FILE__, __LINE__, "\"%s\" in %zu bytes gives %d \"%.*s\", not %d \"%.*s\"", fmt,
                size, got_len, TEXT_MAX, got, want_len, TEXT_MAX, want);
}

/* Compare one conversion with a large buffer and with a small one. */
static void compare_sizes(const char *fmt, u64 value)
{
    compare(TEXT_MAX, fmt, value);
    compare(random_u64() % 32, fmt, value);
}

/* Write the n-th combination of the flags that C defines for a conversion. */
static void make_flags(char *out, const char *allowed, unsigned combination)
{
    for (unsigned i = 0; allowed[i]; i++) {
        if (combination & (1u << i))
            *out++ = allowed[i];
    }
    *out = '\0';
}

static void compare_all(const char *conversion, const char *flags, const char *const *lengths,
                        const u64 *args, size_t nr_args)
{
    static const char *const widths[] = {"", "1", "5", "23"};
    char fmt[64];
    char flag_text[8];

    for (unsigned combination = 0; combination < 1u << strlen(flags); combination++) {
        make_flags(flag_text, flags, combination);
        for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
            for (size_t l = 0; lengths[l]; l++) {
                snprintf(fmt, sizeof(fmt), "<%%%s%s%s%s>", flag_text, widths[w], lengths[l],
                         conversion);
                for (size_t v = 0; v < nr_args; v++)
                    compare_sizes(fmt, args[v]);
            }
        }
    }
}

static void test_numbers(void)
{
    static const char *const lengths[] = {"", "l", "ll", "z", NULL};

    compare_all("d", "0", lengths, values, ARRAY_SIZE(values));
    compare_all("u", "0", lengths, values, ARRAY_SIZE(values));
    compare_all("x", "0#", lengths, values, ARRAY_SIZE(values));
}

static void test_texts(void)
{
    static const char *const plain[] = {"", NULL};
    static const u64 characters[] = {'x', '%', 0, 0xff};
    const u64 strings[] = {(uintptr_t) "", (uintptr_t) "a", (uintptr_t) "paravane",
                           (uintptr_t) "a longer text, longer than all widths"};
    const u64 pointers[] = {1, 0xffffffff80100000, UINT64_MAX};

    compare_all("c", "", plain, characters, ARRAY_SIZE(characters));
    compare_all("s", "", plain, strings, ARRAY_SIZE(strings));
    compare_all("p", "", plain, pointers, ARRAY_SIZE(pointers));
}

static void test_several(void)
{
    for (size_t size = 0; size < 80; size++) {
        compare(size, "plain");
        compare(size, "");
        compare(size, "%%|%5d%s%c|%lx%zu %u %u %u %u", 7, "seven", '7', 0x77ul, (size_t)7, 1u, 2u,
                3u, 4u);
    }
}

static void check_ours(const char *want, const char *fmt, ...)
{
    char got[TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    CHECK_EQ(kvsnprintf(got, sizeof(got), fmt, ap), strlen(want));
    va_end(ap);
    CHECK_STR(got, want);
}

static void test_ours(void)
{
    check_ours("(null)", "%s", (char *)NULL);
    check_ours("0", "%p", (void *)NULL);
    check_ours("%q 5", "%q %d", 5);
    check_ours("%-08.3y", "%-08.3y");
    check_ours("%n%f%o", "%n%f%o");
    check_ours("%hd %-d %.3d %*d 5", "%hd %-d %.3d %*d %d", 5);
    check_ours("%.*d %.1s %X 5", "%.*d %.1s %X %d", 5);
    check_ours("100%", "100%");
    check_ours("%l", "%l");
    check_ours("%-", "%-");
    check_ours("    0x7f|", "%8p|", (void *)0x7f);
}

/*
 * A pointer without the format attribute of lib/format.h, because the compiler would reject these
 * formats.
 */
static int (*volatile unchecked)(char *buf, size_t size, const char *fmt, ...) = ksnprintf;

/* Enormous widths take no time and cannot make the length wrap. */
static void test_enormous(void)
{
    char buf[4] = "abc";

    CHECK_EQ(unchecked(buf, sizeof(buf), "%2147483647d", 1), 65535);
    CHECK_STR(buf, "   ");
    CHECK_EQ(unchecked(buf, sizeof(buf), "%0065536d%065535x", 1, 1), 2 * 65535);
    CHECK_STR(buf, "000");
    CHECK_EQ(unchecked(buf, sizeof(buf), "%99999999999999999999d", 1), 65535);
    CHECK_EQ(unchecked(NULL, 0, "%d", 12345), 5);
}

int main(void)
{
    RUN(test_numbers);
    RUN(test_texts);
    RUN(test_several);
    RUN(test_ours);
    RUN(test_enormous);
    return finish("format");
}
