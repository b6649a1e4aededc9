/* SPDX-License-Identifier: MIT */
/* Globs and numbers of the command line: see test/harness/text.h. */
#include "lib/string.h"
#include "test/harness/text.h"

/*
 * Match the pattern that ends before end. After a mismatch it suffices to extend the last '*' by
 * one character, because it can match whatever an earlier '*' could. So the work is at most
 * strlen(pattern) * strlen(name), without recursion.
 */
static bool match_part(const char *pattern, const char *end, const char *name)
{
    const char *star = NULL;
    const char *resume = NULL;

    while (*name) {
        if (pattern < end && *pattern == '*') {
            star = pattern++;
            resume = name;
        } else if (pattern < end && (*pattern == '?' || *pattern == *name)) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

bool glob_match(const char *pattern, const char *name)
{
    return match_part(pattern, pattern + strlen(pattern), name);
}

bool glob_list_match(const char *patterns, const char *name)
{
    for (;;) {
        const char *const comma = strchr(patterns, ',');

        if (!comma)
            return glob_match(patterns, name);
        if (match_part(patterns, comma, name))
            return true;
        patterns = comma + 1;
    }
}

/* Return the value of a digit in any base up to 16, or 16 if c is not a digit. */
static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

bool parse_u64(const char *s, u64 *value)
{
    u64 base = 10;
    u64 sum = 0;

    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        s += 2;
    }
    if (!*s)
        return false;
    for (; *s; s++) {
        u64 digit = digit_value(*s);

        if (digit >= base || __builtin_mul_overflow(sum, base, &sum) ||
            __builtin_add_overflow(sum, digit, &sum))
            return false;
    }
    *value = sum;
    return true;
}
