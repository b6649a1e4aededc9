/* SPDX-License-Identifier: MIT */
/*
 * Fuzzer: any bytes as a command line. If it is accepted, the result written as a command line must
 * parse to the same result; if not, the error must be one printable line.
 */
#include "fuzz.h"

#include "kernel/cmdline.h"

static const char *const levels[] = {"error", "warn", "info", "debug"};

static void add_word(char *line, const char *key, const char *value)
{
    if (*value)
        sprintf(line + strlen(line), "%s=%s ", key, value);
}

static bool is_blank(char c)
{
    return c && strchr(" \t\r\n", c);
}

static void require_round_trip(const struct cmdline *parsed)
{
    static char line[8192];
    struct cmdline again;
    char error[CMDLINE_ERROR_MAX];

    line[0] = '\0';
    add_word(line, "log", levels[parsed->log]);
    add_word(line, "echo", parsed->echo);
    add_word(line, "platform", parsed->platform);
    add_word(line, "inject", parsed->inject);
    add_word(line, "test", parsed->test);
    add_word(line, "pv", parsed->pv);
    add_word(line, "run", parsed->run);
    add_word(line, "evtchn", parsed->evtchn);
    add_word(line, "input", parsed->input);
    add_word(line, "stack", parsed->stack);
    add_word(line, "soak", parsed->soak);
    add_word(line, "mutate", parsed->mutate);
    add_word(line, "check", parsed->check);
    add_word(line, "record", parsed->record);
    strcat(line, parsed->nopatch ? "nopatch " : "");
    strcat(line, parsed->sites ? "pv.sites " : "");
    /* The words of a program that "--" closes end in a blank, or are empty. */
    if (!*parsed->arguments)
        strcat(line, "-- --");
    else
        sprintf(line + strlen(line), "--%s%s", parsed->arguments,
                is_blank(parsed->arguments[strlen(parsed->arguments) - 1]) ? "--" : "");
    REQUIRE(cmdline_parse(line, &again, error));
    if (!*parsed->arguments) {
        REQUIRE(!strcmp(again.arguments, " "));
        again.arguments[0] = '\0';
    }
    REQUIRE(!again.nr_foreign);
    again.nr_foreign = parsed->nr_foreign;
    memcpy(again.foreign, parsed->foreign, sizeof(again.foreign));
    REQUIRE(memcmp(parsed, &again, sizeof(again)) == 0);
}

/* The list of ignored words is printable, and empty only if no word was ignored. */
static void require_foreign(const struct cmdline *parsed)
{
    REQUIRE(is_terminated(parsed->foreign, sizeof(parsed->foreign)));
    REQUIRE(!*parsed->foreign == !parsed->nr_foreign);
    for (const char *c = parsed->foreign; *c; c++)
        REQUIRE(*c >= ' ' && *c <= '~');
}

static void require_printable(const char *text)
{
    REQUIRE(*text);
    for (; *text; text++)
        REQUIRE(*text >= ' ' && *text <= '~');
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct cmdline parsed;
    char error[CMDLINE_ERROR_MAX];
    char *line = malloc(size + 1);
    bool understood;

    memcpy(line, data, size);
    line[size] = '\0';
    memset(&parsed, 0xa5, sizeof(parsed));
    memset(error, 0xa5, sizeof(error));
    understood = cmdline_parse(line, &parsed, error);
    REQUIRE(is_terminated(error, sizeof(error)));
    if (understood) {
        REQUIRE(!*error);
        require_foreign(&parsed);
        require_round_trip(&parsed);
    } else {
        require_printable(error);
    }
    free(line);
    return 0;
}
