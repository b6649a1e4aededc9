/*
 * kernel/cmdline.c: the command line, parsed by one table.
 *
 * The table drives both the parser and the text that lists the known words, so the two cannot part.
 * The line comes from outside: it may hold any bytes, and the error text must still be one line.
 */
#include "kernel/cmdline.h"

#include "lib/format.h"
#include "lib/string.h"

/* What is kept of a word of the line: more than any known KEY=VALUE has. */
#define WORD_MAX 80

/* How much of a word an error quotes: all known words still fit behind it. */
#define QUOTE_MAX 48

/* KEY= is followed by a value: a string of struct cmdline, or log's level. A bare KEY sets a bool.
 */
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
    WORD("test=", test),         WORD("plant=", plant),
    WORD("platform=", platform), WORD("echo=", echo),
    WORD("log=", log),           WORD("evtchn=", evtchn),
    WORD("soak=", soak),         WORD("mutate=", mutate),
    WORD("nopatch", nopatch),    WORD("pv.sites", sites),
};

const char log_levels[][6] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

static const char unknown_word[] = "unknown word";

/* Which of words[] it is, and in *value what follows the key. */
static size_t find(const char *word, const char **value)
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

/* Takes one word of the line; bit i of *seen says that words[i] has come before. Returns NULL, or
 * what is wrong with it. */
static const char *parse_word(const char *word, struct cmdline *out, u32 *seen)
{
    const char *value;
    const size_t i = find(word, &value);
    char *field;

    if (i == ARRAY_SIZE(words))
        return unknown_word;
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

/* The error quotes the line, and the line may hold anything: only printable text is shown. */
static void explain(char *error, const char *what, const char *word)
{
    char quote[QUOTE_MAX + 1];
    const bool whole = str_copy(quote, word, sizeof(quote));
    size_t len;

    for (char *c = quote; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    len = ksnprintf(error, CMDLINE_ERROR_MAX, "%s \"%s%s\"", what, quote, whole ? "" : "...");
    if (what != unknown_word)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(words) && len < CMDLINE_ERROR_MAX; i++)
        len += ksnprintf(error + len, CMDLINE_ERROR_MAX - len, i ? " %s" : "; known: %s",
                         words[i].key);
}

static bool is_blank(char c)
{
    return c && strchr(" \t\r\n", c);
}

bool cmdline_parse(const char *line, struct cmdline *out, char *error)
{
    char word[WORD_MAX];
    const char *wrong;
    u32 seen = 0;
    size_t len;

    memset(out, 0, sizeof(*out));
    str_copy(out->run, "suite", sizeof(out->run));
    str_copy(out->test, "*", sizeof(out->test));
    out->log = LOG_INFO;
    out->arguments = "";
    error[0] = '\0';
    for (;;) {
        while (is_blank(*line))
            line++;
        if (!*line)
            return true;
        for (len = 0; *line && !is_blank(*line); line++)
            if (len < WORD_MAX - 1)
                word[len++] = *line;
        word[len] = '\0';
        if (!strcmp(word, "--")) {
            out->arguments = line;
            return true;
        }
        wrong = parse_word(word, out, &seen);
        if (wrong) {
            explain(error, wrong, word);
            return false;
        }
    }
}
