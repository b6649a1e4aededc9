/* SPDX-License-Identifier: MIT */
/*
 * What newlib has when it is configured for it (tools/build/newlib.py): formats with positions,
 * wide characters and long doubles, locales, conversions between encodings, and functions of POSIX
 * on names and tables.
 */
#include "test/harness/test.h"

#include <errno.h>
#include <fnmatch.h>
#include <iconv.h>
#include <libgen.h>
#include <locale.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <wchar.h>
#include <wctype.h>

static void expect_text(const char *got, const char *wanted, int line)
{
    test_expect(!strcmp(got, wanted), "test/libc/formats.c", line, "\"%s\" is \"%s\"", got, wanted);
}

#define PRINTS(wanted, ...) \
    snprintf(text, sizeof(text), __VA_ARGS__); \
    expect_text(text, wanted, __LINE__)

TEST(libc_formats, positions_name_arguments)
{
    int a = 0, b = 0;
    char text[32];

    /* cppcheck does not count the arguments of such formats. */
    /* cppcheck-suppress [invalidPrintfArgType_s, invalidPrintfArgType_sint] */
    PRINTS("two 1", "%2$s %1$d", 1, "two");
    /* cppcheck-suppress wrongPrintfScanfArgNum */
    PRINTS("    7 7", "%1$*2$d %1$d", 7, 5);
    EXPECT_EQ(sscanf("12 34", "%2$d %1$d", &a, &b), 2);
    EXPECT_EQ(a, 34);
    EXPECT_EQ(b, 12);
}

TEST(libc_formats, long_doubles_are_printed_and_read_in_full)
{
    long double third = 1.0L / 3, read = 0;
    char text[80];

    PRINTS("0.333333333333333333342", "%.21Lf", third);
    PRINTS("3.3333333333333333334e-01", "%.19Le", third);
    PRINTS("1.189731495357231765e+4932", "%.18Le", 0xf.fffffffffffffffp16380L);
    snprintf(text, sizeof(text), "%.21Lg", third);
    EXPECT(sscanf(text, "%Lf", &read) == 1 && read == third);
}

TEST(libc_formats, wide_characters_are_converted)
{
    const wchar_t *const wide = L"gr\u00fc\u00df \u20ac";
    wchar_t back[16];
    char text[32];

    PRINTS("wide 42", "%ls %d", L"wide", 42);
    EXPECT(swprintf(back, 16, L"%ls|%5.2f", L"ab", 1.5) == 8 && !wcscmp(back, L"ab| 1.50"));
    EXPECT_EQ(wcstol(L"-0x1f", NULL, 0), -31);
    EXPECT_EQ(wcstombs(text, wide, sizeof(text)), (size_t)-1); /* not in the locale "C" */
    REQUIRE(setlocale(LC_CTYPE, "C.UTF-8"));
    EXPECT_EQ(wcstombs(text, wide, sizeof(text)), 10);
    EXPECT(!strcmp(text, "gr\xc3\xbc\xc3\x9f \xe2\x82\xac"));
    EXPECT(mbstowcs(back, text, 16) == 6 && !wcscmp(back, wide));
    PRINTS("\xe2\x82\xac", "%lc", (wint_t)0x20ac);
    EXPECT(iswalpha(0xfc) && towupper(0xfc) == 0xdc);
    EXPECT_EQ(mbstowcs(back, "\xff", 16), (size_t)-1);
    EXPECT(setlocale(LC_CTYPE, "C"));
    EXPECT(!setlocale(LC_ALL, "xx_YY.NOTHING"));
}

TEST(libc_formats, locales_without_rules_of_their_own_do_not_exist)
{
    static const char *const missing[] = {"pt_BR", "de_DE.UTF-8", "ru", "C/de_DE/C/C/C/C", "Cx"};

    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        EXPECT(!setlocale(LC_ALL, missing[i]));
        EXPECT_EQ(errno, ENOENT);
        EXPECT(!newlocale(LC_ALL_MASK, missing[i], NULL));
    }
    EXPECT(setlocale(LC_ALL, "C/C.UTF-8/C/C/C/C"));
    EXPECT(setlocale(LC_ALL, "POSIX") && !strcmp(setlocale(LC_ALL, NULL), "C"));
    EXPECT(!setenv("LANG", "pt_BR", 1) && !setlocale(LC_NUMERIC, ""));
    EXPECT(!setenv("LC_NUMERIC", "C", 1) && setlocale(LC_NUMERIC, ""));
    EXPECT(!setlocale(LC_ALL, ""));
    unsetenv("LC_NUMERIC");
    unsetenv("LANG");
    EXPECT(setlocale(LC_ALL, "") && !strcmp(setlocale(LC_ALL, NULL), "C"));
}

TEST(libc_formats, iconv_converts_between_encodings)
{
    char from[] = "a\xe2\x82\xac", to[16] = "", *in = from, *out = to;
    size_t left = 4, room = sizeof(to);
    iconv_t cd = iconv_open("UTF-16LE", "UTF-8");

    REQUIRE(cd != (iconv_t)-1);
    EXPECT_EQ(iconv(cd, &in, &left, &out, &room), 0);
    EXPECT(out - to == 4 && !memcmp(to, "a\0\xac\x20", 4));
    in = from + 1;
    left = 1;
    EXPECT(iconv(cd, &in, &left, &out, &room) == (size_t)-1 && errno == EINVAL);
    EXPECT_EQ(iconv_close(cd), 0);
    EXPECT(iconv_open("UTF-8", "no such encoding") == (iconv_t)-1);
}

TEST(libc_formats, time_has_an_offset_from_utc)
{
    const time_t summer = 1720000000; /* 2024-07-03 */
    char text[32];
    struct tm tm;

    EXPECT_EQ(CLOCKS_PER_SEC, 1000000);
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    REQUIRE(localtime_r(&summer, &tm));
    EXPECT_EQ(tm.tm_gmtoff, 7200);
    EXPECT(!strcmp(tm.tm_zone, "CEST"));
    EXPECT(strftime(text, sizeof(text), "%H:%M %z %Z", &tm) && !strcmp(text, "11:46 +0200 CEST"));
    tm = (struct tm){.tm_year = 124, .tm_mday = 1, .tm_gmtoff = 1};
    EXPECT(mktime(&tm) == 1704063600 && tm.tm_gmtoff == 3600 && !strcmp(tm.tm_zone, "CET"));
    unsetenv("TZ");
    tzset();
    REQUIRE(gmtime_r(&summer, &tm));
    EXPECT(tm.tm_gmtoff == 0 && !strcmp(tm.tm_zone, "GMT"));
}

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

TEST(libc_formats, names_and_tables_are_searched)
{
    char path[] = "/usr/lib/", other[] = "name";
    int key = 1, same = 1, absent = 9;
    void *tree = NULL;

    EXPECT(!strcmp(basename(path), "lib"));
    strcpy(path, "/usr/lib");
    EXPECT(!strcmp(dirname(path), "/usr") && !strcmp(dirname(other), "."));
    EXPECT_EQ(fnmatch("*.[ch]", "main.c", 0), 0);
    EXPECT_EQ(fnmatch("*.[ch]", "main.o", 0), FNM_NOMATCH);
    EXPECT_EQ(fnmatch("*", "a/b", FNM_PATHNAME), FNM_NOMATCH);
    EXPECT(tsearch(&key, &tree, compare_ints) && tfind(&same, &tree, compare_ints));
    EXPECT(!tfind(&absent, &tree, compare_ints) && tdelete(&key, &tree, compare_ints));
    EXPECT(ffs(24) == 4 && !strcasecmp(other, "nAmE"));
}
