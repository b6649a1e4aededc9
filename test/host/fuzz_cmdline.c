/*
 * test/host/fuzz_cmdline.c: any bytes as a command line. What was understood, written as a command
 * line again, must be understood the same way; what was not must give one printable line.
 */
#include "fuzz.h"

#include "kernel/cmdline.h"

static const char *const levels[] = {"error", "warn", "info", "debug"};

static void add_word(char *line, const char *key, const char *value)
{
    if (*value)
        sprintf(line + strlen(line), "%s=%s ", key, value);
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
    add_word(line, "plant", parsed->plant);
    add_word(line, "test", parsed->test);
    add_word(line, "pv", parsed->pv);
    add_word(line, "run", parsed->run);
    add_word(line, "evtchn", parsed->evtchn);
    add_word(line, "soak", parsed->soak);
    add_word(line, "mutate", parsed->mutate);
    strcat(line, parsed->nopatch ? "nopatch " : "");
    strcat(line, parsed->sites ? "pv.sites " : "");
    sprintf(line + strlen(line), "--%s", parsed->arguments);
    REQUIRE(cmdline_parse(line, &again, error));
    REQUIRE(!strcmp(parsed->arguments, again.arguments));
    again.arguments = parsed->arguments; /* each points into its own line */
    REQUIRE(memcmp(parsed, &again, sizeof(again)) == 0);
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
        require_round_trip(&parsed);
    } else {
        require_printable(error);
    }
    free(line);
    return 0;
}
