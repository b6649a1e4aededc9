/* SPDX-License-Identifier: MIT */
/*
 * The parser of the command line (kernel/cmdline.h). One table of words drives both the parser and
 * the text that lists the known words, so they cannot disagree. The line is untrusted: it may
 * contain any bytes, and the error text must still be one printable line.
 */
#include "kernel/cmdline.h"

#include "lib/format.h"
#include "lib/string.h"

/* Bytes kept of a word, its 0 included: more than any known KEY=VALUE needs. */
#define WORD_MAX 80

/* Bytes of a word that an error quotes: the list of known words must still fit after it. */
#define QUOTE_MAX 48

/* "KEY=" takes a value, a string (or for log, a level); a bare "KEY" sets a bool. */
struct word {
    char key[10];
    u16 offset; /* in struct cmdline */
};

#define WORD(key, field) \
    { \
        key, offsetof(struct cmdline, field) \
    }

static const struct word words[] = {
    WORD("run=", run),           WORD("pv=", pv),
    WORD("test=", test),         WORD("inject=", inject),
    WORD("platform=", platform), WORD("echo=", echo),
    WORD("input=", input),       WORD("log=", log),
    WORD("stack=", stack),       WORD("evtchn=", evtchn),
    WORD("soak=", soak),         WORD("mutate=", mutate),
    WORD("check=", check),       WORD("record=", record),
    WORD("nopatch", nopatch),    WORD("pv.sites", sites),
};

const char log_levels[][6] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

static const char mistyped[] = "mistyped word";

/* Return the index in words[], or ARRAY_SIZE(words), and store what follows the key in *value. */
static size_t find_word(const char *word, const char **value)
{
    size_t i, len;

    for (i = 0; i < ARRAY_SIZE(words); i++) {
        len = strlen(words[i].key);
        *value = word + len;
        if (!strncmp(word, words[i].key, len) && (words[i].key[len - 1] == '=' || !**value))
            break;
    }
    return i;
}

static bool parse_level(const char *value, enum log_level *level)
{
    for (u32 i = 0; i < ARRAY_SIZE(log_levels); i++)
        if (!strcmp(value, log_levels[i])) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Return the length of the longest common prefix, ignoring the case of word. */
static size_t common_prefix(const char *word, size_t len, const char *key, size_t key_len)
{
    size_t n = 0;

    while (n < len && n < key_len && lower(word[n]) == key[n])
        n++;
    return n;
}

/* Return whether a from position i and b from position j are equal, ignoring the case of a. */
static bool same_rest(const char *a, size_t a_len, size_t i, const char *b, size_t b_len, size_t j)
{
    return i <= a_len && j <= b_len && a_len - i == b_len - j &&
           common_prefix(a + i, a_len - i, b + j, b_len - j) == a_len - i;
}

/*
 * Return whether word (len characters, without "=" and value) is key with one typing mistake: a
 * character changed, missing or added, or two neighbours exchanged. Keys of two characters must
 * match exactly, because too many words are close to them.
 */
static bool is_close(const char *word, size_t len, const char *key, size_t key_len)
{
    const size_t i = common_prefix(word, len, key, key_len);
    const bool exchanged = i + 1 < len && i + 1 < key_len && lower(word[i]) == key[i + 1] &&
                           lower(word[i + 1]) == key[i];

    if (i == len && i == key_len)
        return true;
    return key_len > 2 && (same_rest(word, len, i + 1, key, key_len, i + 1) ||
                           same_rest(word, len, i, key, key_len, i + 1) ||
                           same_rest(word, len, i + 1, key, key_len, i) ||
                           (exchanged && same_rest(word, len, i + 2, key, key_len, i + 2)));
}

/* Return the index of the word of which this one is a mistyping, or ARRAY_SIZE(words). */
static size_t find_close_word(const char *word)
{
    const char *equals = strchr(word, '=');
    const size_t len = equals ? (size_t)(equals - word) : strlen(word);
    size_t i, key_len;

    for (i = 0; i < ARRAY_SIZE(words); i++) {
        key_len = strlen(words[i].key);
        if (words[i].key[key_len - 1] == '=')
            key_len--;
        if (is_close(word, len, words[i].key, key_len))
            break;
    }
    return i;
}

/* Copy word to to (cap bytes), with "?" for other than printable ASCII. Return whether it fits. */
static bool copy_printable(char *to, const char *word, size_t cap)
{
    const bool whole = str_copy(to, word, cap);

    for (char *c = to; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return whole;
}

/* Count a word that is passed over, and list it if there is room. */
static void add_foreign(struct cmdline *out, const char *word)
{
    const size_t len = strlen(out->foreign);

    out->nr_foreign++;
    if (len + strlen(word) + 2 > sizeof(out->foreign))
        return;
    if (len)
        out->foreign[len] = ' ';
    copy_printable(out->foreign + len + (len > 0), word, sizeof(out->foreign) - len - 1);
}

/* Parse one word. Bit i of *seen: words[i] was in the line. Return NULL, or what is wrong. */
static const char *parse_word(const char *word, struct cmdline *out, u32 *seen)
{
    const char *value;
    const size_t i = find_word(word, &value);
    char *field;

    if (i == ARRAY_SIZE(words)) {
        if (find_close_word(word) < ARRAY_SIZE(words))
            return mistyped;
        add_foreign(out, word);
        return NULL;
    }
    if (*seen & (1u << i))
        return "given twice:";
    *seen |= 1u << i;
    field = (char *)out + words[i].offset;
    if (value[-1] != '=') {
        *(bool *)field = true;
        return NULL;
    }
    if (!*value)
        return "no value in";
    if (words[i].offset == offsetof(struct cmdline, log))
        return parse_level(value, &out->log) ? NULL : "wanted error, warn, info or debug in";
    return str_copy(field, value, CMDLINE_VALUE_MAX) ? NULL : "the value is too long in";
}

/* Write one line to error: what is wrong, the word, and for a mistyped one the known words. */
static void format_error(char *error, const char *what, const char *word)
{
    char quote[QUOTE_MAX + 1];
    const bool whole = copy_printable(quote, word, sizeof(quote));
    size_t len;

    len = ksnprintf(error, CMDLINE_ERROR_MAX, "%s \"%s%s\"", what, quote, whole ? "" : "...");
    if (what != mistyped)
        return;
    len +=
        ksnprintf(error + len, CMDLINE_ERROR_MAX - len, " (%s?)", words[find_close_word(word)].key);
    for (size_t i = 0; i < ARRAY_SIZE(words) && len < CMDLINE_ERROR_MAX; i++)
        len += ksnprintf(error + len, CMDLINE_ERROR_MAX - len, i ? " %s" : "; known: %s",
                         words[i].key);
}

static bool is_blank(char c)
{
    return c && strchr(" \t\r\n", c);
}

/* Copy the next word at *line to word, cut to WORD_MAX - 1 bytes. Move *line past it. */
static bool next_word(const char **line, char *word)
{
    const char *at = *line;
    size_t len = 0;

    while (is_blank(*at))
        at++;
    for (; *at && !is_blank(*at); at++)
        if (len < WORD_MAX - 1)
            word[len++] = *at;
    word[len] = '\0';
    *line = at;
    return len != 0;
}

/*
 * Copy the program's words, which start at *line, after the first "--". Move *line past the "--"
 * that ends them: the last one, because the program's own words may include others. Return false if
 * they do not fit.
 */
static bool copy_arguments(const char **line, struct cmdline *out)
{
    const char *end = NULL, *rest = *line;
    char word[WORD_MAX];
    size_t len;

    for (const char *at = *line; next_word(&at, word);)
        if (!strcmp(word, "--")) {
            end = at - strlen("--");
            rest = at;
        }
    if (!end)
        rest = end = *line + strlen(*line);
    len = (size_t)(end - *line);
    if (len >= sizeof(out->arguments))
        return false;
    memcpy(out->arguments, *line, len);
    *line = rest;
    return true;
}

bool cmdline_parse(const char *line, struct cmdline *out, char *error)
{
    char word[WORD_MAX];
    const char *wrong;
    u32 seen = 0;

    memset(out, 0, sizeof(*out));
    str_copy(out->run, "suite", sizeof(out->run));
    str_copy(out->test, "*", sizeof(out->test));
    out->log = LOG_INFO;
    error[0] = '\0';
    while (next_word(&line, word)) {
        if (strcmp(word, "--"))
            wrong = parse_word(word, out, &seen);
        else
            wrong = copy_arguments(&line, out) ? NULL : "too many words after";
        if (wrong) {
            format_error(error, wrong, word);
            return false;
        }
    }
    return true;
}
