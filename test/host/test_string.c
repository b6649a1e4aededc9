/* SPDX-License-Identifier: MIT */
/*
 * lib/string.c, built under the names k_*, and test/harness/text.c, compared with libc.
 *
 * The sanitizers do not check writes of inline assembly, so the test compares whole arenas,
 * including the bytes around the result.
 */
#include <fnmatch.h>

#include "harness.h"

#include "lib/string.h"
#include "test/harness/text.h"

__typeof__(memcpy) k_memcpy;
__typeof__(memmove) k_memmove;
__typeof__(memset) k_memset;
__typeof__(memcmp) k_memcmp;
__typeof__(strlen) k_strlen;
__typeof__(strnlen) k_strnlen;
__typeof__(strcmp) k_strcmp;
__typeof__(strncmp) k_strncmp;
__typeof__(strchr) k_strchr;

#define ARENA  128
#define ROUNDS 20000

static u8 ours[ARENA];
static u8 theirs[ARENA];

static void fill_arenas(void)
{
    for (size_t i = 0; i < ARENA; i++)
        ours[i] = theirs[i] = (u8)random_u64();
}

static void test_copy(void)
{
    u8 source[ARENA];

    for (size_t i = 0; i < ROUNDS; i++) {
        size_t n = random_u64() % (ARENA / 2);
        size_t to = random_u64() % (ARENA / 2);
        size_t from = random_u64() % (ARENA / 2);

        fill_arenas();
        memcpy(source, ours, sizeof(source));
        CHECK(k_memcpy(ours + to, source + from, n) == ours + to);
        memcpy(theirs + to, source + from, n);
        CHECK(memcmp(ours, theirs, ARENA) == 0);
        CHECK(k_memmove(ours + to, ours + from, n) == ours + to);
        memmove(theirs + to, theirs + from, n);
        CHECK(memcmp(ours, theirs, ARENA) == 0);
        CHECK(k_memset(ours + to, (int)i, n) == ours + to);
        memset(theirs + to, (int)i, n);
        CHECK(memcmp(ours, theirs, ARENA) == 0);
    }
}

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

/*
 * Return a short text of few different letters, so that equal texts occur, some with the top bit
 * set, so that signedness matters.
 */
static char *random_text(void)
{
    size_t len = random_u64() % 6;
    char *text = malloc(len + 1);

    for (size_t i = 0; i < len; i++)
        text[i] = "ab\xff"[random_u64() % 3];
    text[len] = '\0';
    return text;
}

static void test_compare(void)
{
    for (size_t i = 0; i < ROUNDS; i++) {
        char *a = random_text();
        char *b = random_text();
        size_t n = random_u64() % 7;
        size_t both = MIN(strlen(a), strlen(b));
        int c = "ab\xff"[i % 4];

        CHECK_EQ(k_strlen(a), strlen(a));
        CHECK_EQ(k_strnlen(a, n), strnlen(a, n));
        CHECK_EQ(sign(k_strcmp(a, b)), sign(strcmp(a, b)));
        CHECK_EQ(sign(k_strncmp(a, b, n)), sign(strncmp(a, b, n)));
        CHECK_EQ(sign(k_memcmp(a, b, both)), sign(memcmp(a, b, both)));
        CHECK(k_strchr(a, c) == strchr(a, c));
        free(a);
        free(b);
    }
}

/* Functions with a bound accept texts without a NUL. */
static void test_bounds(void)
{
    char *text = malloc(4);

    memcpy(text, "abcd", 4);
    CHECK_EQ(k_strnlen(text, 4), 4);
    CHECK_EQ(k_strncmp(text, text, 4), 0);
    CHECK_EQ(k_strncmp("abcde", text, 4), 0);
    free(text);
}

static void test_str_copy(void)
{
    char dst[8] = "zzzzzzz";

    CHECK(str_copy(dst, "", 1));
    CHECK_STR(dst, "");
    CHECK_EQ(dst[1], 'z');
    CHECK(!str_copy(dst, "a", 1));
    CHECK_STR(dst, "");
    CHECK(str_copy(dst, "abc", 4));
    CHECK_STR(dst, "abc");
    CHECK(!str_copy(dst, "abcd", 4));
    CHECK_STR(dst, "abc");
    CHECK_EQ(dst[4], 'z');
}

/* Write the n-th text over an alphabet, in order of length. */
static void nth_text(char *out, unsigned n, const char *alphabet)
{
    unsigned letters = (unsigned)strlen(alphabet);

    for (; n; n = (n - 1) / letters)
        *out++ = alphabet[(n - 1) % letters];
    *out = '\0';
}

/* Compare all patterns of up to five characters and all names of up to six with fnmatch(). */
static void test_glob(void)
{
    char pattern[8];
    char name[8];

    for (unsigned p = 0; p < 1365; p++) {
        nth_text(pattern, p, "ab*?");
        for (unsigned n = 0; n < 127; n++) {
            nth_text(name, n, "ab");
            if (glob_match(pattern, name) == (fnmatch(pattern, name, 0) == 0))
                checks++;
            else
                fail_at(__FILE__, __LINE__, "glob_match(\"%s\", \"%s\")", pattern, name);
        }
    }
    CHECK(!glob_match("[a]", "a"));
    CHECK(glob_match("mmu/*", "mmu/pin/unpin"));
}

static void test_glob_list(void)
{
    CHECK(glob_list_match("a", "a"));
    CHECK(glob_list_match("a.*,b.*", "a.x"));
    CHECK(glob_list_match("a.*,b.*", "b.x"));
    CHECK(!glob_list_match("a.*,b.*", "c.x"));
    CHECK(glob_list_match("*,b", "c"));
    CHECK(glob_list_match("a,?*c,b", "bc"));
    CHECK(!glob_list_match("a,?*c,b", "c"));
    CHECK(!glob_list_match("ab,c", "a"));
    CHECK(!glob_list_match("a,b", "ab"));
    CHECK(glob_list_match("a,", ""));
    CHECK(!glob_list_match("a,", "b"));
}

/* Many stars on a long name must not take exponential time. */
static void test_glob_time(void)
{
    static char name[10001];

    memset(name, 'a', sizeof(name) - 1);
    CHECK(!glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
}

static void test_parse_u64(void)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "0x",
                                      "0X",
                                      "x",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1x",
                                      "0xg",
                                      "12a",
                                      "0x1 ",
                                      "1.0",
                                      "18446744073709551616",
                                      "1\n",
                                      "0x10000000000000000",
                                      "99999999999999999999999"};
    char text[32];
    u64 value = 77;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        CHECK(!parse_u64(bad[i], &value));
    CHECK_EQ(value, 77);
    CHECK(parse_u64("0000000000000000000000000000012", &value) && value == 12);
    CHECK(parse_u64("18446744073709551615", &value) && value == UINT64_MAX);
    CHECK(parse_u64("0XffffFFFFffffFFFF", &value) && value == UINT64_MAX);
    CHECK(parse_u64("0", &value) && value == 0);
    for (size_t i = 0; i < ROUNDS; i++) {
        u64 want = random_u64() >> (i % 64);

        snprintf(text, sizeof(text), "%lu", want);
        CHECK(parse_u64(text, &value) && value == want);
        snprintf(text, sizeof(text), "0x%lx", want);
        CHECK(parse_u64(text, &value) && value == want);
    }
}

int main(void)
{
    RUN(test_copy);
    RUN(test_compare);
    RUN(test_bounds);
    RUN(test_str_copy);
    RUN(test_glob);
    RUN(test_glob_list);
    RUN(test_glob_time);
    RUN(test_parse_u64);
    return finish("string");
}
