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

/* How much of a word an error quotes. */
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

/* An error quotes the line, and the line may hold anything: only printable text is shown. */
static bool fail(char *error, const char *what, const char *word)
{
    ksnprintf(error, CMDLINE_ERROR_MAX, "%s \"%.*s%s\"", what, QUOTE_MAX, word,
              strlen(word) > QUOTE_MAX ? "..." : "");
    for (; *error; error++)
        if (*error < ' ' || *error > '~')
            *error = '?';
    return false;
}

/* names: count strings, each at the start of stride bytes. */
static bool fail_unknown(char *error, const char *what, const char *word, const char *names,
                         size_t stride, size_t count)
{
    size_t len;

    fail(error, what, word);
    len = strlen(error);
    for (size_t i = 0; i < count && len < CMDLINE_ERROR_MAX; i++, names += stride)
        len += ksnprintf(error + len, CMDLINE_ERROR_MAX - len, i ? " %s" : "; known: %s", names);
    return false;
}

static bool set_log_level(const char *word, const char *value, struct cmdline *out, char *error)
{
    for (size_t i = 0; i < ARRAY_SIZE(log_levels); i++)
        if (!strcmp(value, log_levels[i])) {
            out->log = (enum log_level)i;
            return true;
        }
    return fail_unknown(error, "unknown log level in", word, log_levels[0], sizeof(log_levels[0]),
                        ARRAY_SIZE(log_levels));
}

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

/* Parses one word of the line; bit i of *seen says that words[i] has come before. */
static bool parse_word(const char *word, struct cmdline *out, u32 *seen, char *error)
{
    const char *value;
    const size_t i = find(word, &value);
    char *field;

    if (i == ARRAY_SIZE(words))
        return fail_unknown(error, "unknown word", word, words[0].key, sizeof(words[0]),
                            ARRAY_SIZE(words));
    if (*seen & (1u << i))
        return fail(error, "given twice:", words[i].key);
    *seen |= 1u << i;
    field = (char *)out + words[i].offset;
    if (value[-1] != '=')
        return *(bool *)field = true;
    if (!*value)
        return fail(error, "no value in", word);
    if (words[i].offset == offsetof(struct cmdline, log))
        return set_log_level(word, value, out, error);
    return str_copy(field, value, CMDLINE_VALUE_MAX) ||
           fail(error, "the value is too long in", word);
}

static bool is_blank(char c)
{
    return c && strchr(" \t\r\n", c);
}

bool cmdline_parse(const char *line, struct cmdline *out, char *error)
{
    char word[WORD_MAX];
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
        if (!parse_word(word, out, &seen, error))
            return false;
    }
}
