/* SPDX-License-Identifier: MIT */
/* Words and values (test/shell/words.h). */
#include "test/shell/words.h"
#include "lib/string.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Cut the line at a '#' that begins a word. */
static void cut_comment(char *line)
{
    for (char *at = line; *at; at++)
        if (*at == '#' && (at == line || is_blank(at[-1]) || at[-1] == ';')) {
            *at = '\0';
            return;
        }
}

char *words_command(char **line)
{
    char *start = *line, *end;

    cut_comment(start);
    while (is_blank(*start) || *start == ';')
        start++;
    if (!*start) {
        *line = start;
        return NULL;
    }
    end = strchr(start, ';');
    if (end) {
        *end = '\0';
        *line = end + 1;
    } else {
        *line = start + strlen(start);
    }
    return start;
}

bool words_split(char *command, struct words *words)
{
    char *at = command;

    words->count = 0;
    for (;;) {
        while (is_blank(*at))
            *at++ = '\0';
        if (!*at)
            return true;
        if (words->count == WORDS_MAX)
            return false;
        words->word[words->count++] = at;
        while (*at && !is_blank(*at))
            at++;
    }
}

char *words_rest(struct words *words, u32 first)
{
    char *const last = words->word[words->count - 1];

    if (first >= words->count)
        return last + strlen(last);
    for (char *at = words->word[first]; at < last; at++)
        if (!*at)
            *at = ' ';
    words->count = first + 1;
    return words->word[first];
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Return the value of a digit, or 16. */
static u32 digit(char c)
{
    if (is_digit(c))
        return (u32)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (u32)(c - 'a') + 10;
    return c >= 'A' && c <= 'F' ? (u32)(c - 'A') + 10 : 16;
}

/* Read the number at *at, and move *at past it. */
static const char *read_number(const char **at, u64 *value)
{
    const bool is_hex = (*at)[0] == '0' && ((*at)[1] | 0x20) == 'x';
    const u32 base = is_hex ? 16 : 10;
    const char *c = *at + (is_hex ? 2 : 0), *first = c;

    for (*value = 0; is_name(*c); c++) {
        if (digit(*c) >= base)
            return "not a number: decimal, or hexadecimal after 0x";
        if (*value > (~0ull - digit(*c)) / base)
            return "a number of more than 64 bits";
        *value = *value * base + digit(*c);
    }
    *at = c;
    return c == first ? "not a number: a digit is missing" : NULL;
}

static const char *read_term(const char **at, words_lookup *lookup, u64 *value)
{
    const bool is_negative = **at == '-';
    const char *name, *wrong;

    *at += is_negative;
    name = *at;
    if (is_digit(*name)) {
        wrong = read_number(at, value);
    } else {
        *at += *name == '$' || *name == '&';
        while (is_name(**at))
            ++*at;
        wrong = lookup(name, (size_t)(*at - name), value) ? NULL : "neither a number nor a name";
    }
    if (is_negative)
        *value = -*value;
    return wrong;
}

const char *words_value(const char *word, words_lookup *lookup, u64 *value)
{
    const char *at = word, *wrong;
    char joint = '+';
    u64 term = 0, result = 0;

    for (;;) {
        wrong = read_term(&at, lookup, &term);
        if (wrong)
            return wrong;
        if (joint == '+')
            result += term;
        else if (joint == '-')
            result -= term;
        else
            result |= term;
        if (!*at)
            break;
        joint = *at++;
        if (joint != '+' && joint != '-' && joint != '|')
            return "only +, - and | join values";
    }
    *value = result;
    return NULL;
}
