/*
 * kernel/cmdline.c: the command line, parsed by one table.
 *
 * The table drives both the parser and the text that lists the known words, so the two cannot part.
 * The line comes from outside: it may hold any bytes, and the error text must still be one line.
 */
#include "kernel/cmdline.h"

#include "lib/format.h"
#include "lib/string.h"

/* How much of a word of the line an error quotes. */
#define QUOTE_MAX 48

/*
 * A word is KEY=VALUE, and VALUE is kept in a string of struct cmdline, or is a log level; or a
 * bare KEY, which sets a bool of it.
 */
struct word {
    const char *key;
    size_t offset;       /* of the string, or bool, in struct cmdline */
    const char *initial; /* NULL: a bare word */
};

#define WORD(key, initial) \
    { \
#key, offsetof(struct cmdline, key), initial \
    }

#define BARE(key, field) \
    { \
        key, offsetof(struct cmdline, field), NULL \
    }

static const struct word words[] = {
    WORD(run, "suite"), WORD(pv, ""),     WORD(test, "*"),          WORD(plant, ""),
    WORD(platform, ""), WORD(echo, ""),   WORD(log, "info"),        WORD(evtchn, ""),
    WORD(soak, ""),     WORD(mutate, ""), BARE("nopatch", nopatch), BARE("pv.sites", sites),
};

static const char *const log_levels[] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

/* A stretch of the line: not terminated. */
struct span {
    const char *text;
    size_t len;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool span_is(struct span s, const char *name)
{
    return strlen(name) == s.len && memcmp(s.text, name, s.len) == 0;
}

/* An error quotes the line, and the line may hold anything: only printable text is shown. */
static void make_printable(char *s)
{
    for (; *s; s++) {
        if (*s < ' ' || *s > '~')
            *s = '?';
    }
}

static bool fail(char *error, const char *what, struct span quoted, const char *remedy)
{
    ksnprintf(error, CMDLINE_ERROR_MAX, "command line: %s \"%.*s%s\"%s", what,
              (int)MIN(quoted.len, QUOTE_MAX), quoted.text, quoted.len > QUOTE_MAX ? "..." : "",
              remedy);
    make_printable(error);
    return false;
}

static bool fail_unknown_word(char *error, struct span word)
{
    char known[CMDLINE_ERROR_MAX];
    size_t len = ksnprintf(known, sizeof(known), "; known:");

    for (size_t i = 0; i < ARRAY_SIZE(words) && len < sizeof(known); i++)
        len += ksnprintf(known + len, sizeof(known) - len, words[i].initial ? " %s=" : " %s",
                         words[i].key);
    return fail(error, "unknown word", word, known);
}

static bool fail_unknown_level(char *error, struct span word)
{
    char known[CMDLINE_ERROR_MAX];
    size_t len = ksnprintf(known, sizeof(known), "; known:");

    for (size_t i = 0; i < ARRAY_SIZE(log_levels) && len < sizeof(known); i++)
        len += ksnprintf(known + len, sizeof(known) - len, " %s", log_levels[i]);
    return fail(error, "unknown log level in", word, known);
}

static bool set_log_level(struct cmdline *out, struct span value)
{
    for (size_t i = 0; i < ARRAY_SIZE(log_levels); i++) {
        if (span_is(value, log_levels[i])) {
            out->log = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static void set_string(struct cmdline *out, const struct word *word, struct span value)
{
    char *dst = (char *)out + word->offset;

    memcpy(dst, value.text, value.len);
    dst[value.len] = '\0';
}

static bool is_log(const struct word *word)
{
    return word->offset == offsetof(struct cmdline, log);
}

/* Stores a value known to be neither empty nor too long; false if the word cannot have it. */
static bool store(struct cmdline *out, const struct word *word, struct span value)
{
    if (is_log(word))
        return set_log_level(out, value);
    set_string(out, word, value);
    return true;
}

static void set_defaults(struct cmdline *out)
{
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (words[i].initial)
            store(out, &words[i], (struct span){words[i].initial, strlen(words[i].initial)});
}

/* Parses one word of the line; bit i of *seen says that words[i] has come before. */
static bool parse_word(struct span whole, struct cmdline *out, u32 *seen, char *error)
{
    struct span key = {whole.text, 0};
    struct span value = {whole.text + whole.len, 0};
    size_t i = 0;

    while (key.len < whole.len && whole.text[key.len] != '=')
        key.len++;
    if (key.len < whole.len)
        value = (struct span){whole.text + key.len + 1, whole.len - key.len - 1};

    while (i < ARRAY_SIZE(words) && !span_is(key, words[i].key))
        i++;
    if (i == ARRAY_SIZE(words))
        return fail_unknown_word(error, whole);
    if (*seen & (1u << i))
        return fail(error, "given twice:", key, "");
    *seen |= 1u << i;
    if (!words[i].initial && key.len == whole.len)
        return *(bool *)((char *)out + words[i].offset) = true;
    if (!words[i].initial)
        return fail(error, "no value wanted in", whole, "");
    if (value.len == 0)
        return fail(error, "no value in", whole, "; write KEY=VALUE");
    if (value.len >= CMDLINE_VALUE_MAX)
        return fail(error, "the value is too long in", whole, "");
    if (!store(out, &words[i], value))
        return fail_unknown_level(error, whole);
    return true;
}

bool cmdline_parse(const char *line, struct cmdline *out, char *error)
{
    u32 seen = 0;

    set_defaults(out);
    out->arguments = "";
    error[0] = '\0';
    for (;;) {
        struct span word;

        while (is_blank(*line))
            line++;
        if (!*line)
            return true;
        word = (struct span){line, 0};
        while (word.text[word.len] && !is_blank(word.text[word.len]))
            word.len++;
        if (span_is(word, "--")) {
            out->arguments = word.text + word.len;
            return true;
        }
        if (!parse_word(word, out, &seen, error))
            return false;
        line = word.text + word.len;
    }
}
