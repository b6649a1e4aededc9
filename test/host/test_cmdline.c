/* test/host/test_cmdline.c: kernel/cmdline.c: what it takes, and what it says of what it does not.
 */
#include "harness.h"

#include "kernel/cmdline.h"

#define TEXT_63 "123456789012345678901234567890123456789012345678901234567890123"

static struct cmdline parsed;
static char error[CMDLINE_ERROR_MAX];

static void check_defaults(const char *line)
{
    memset(error, 'x', sizeof(error));
    CHECK(cmdline_parse(line, &parsed, error));
    CHECK_STR(error, "");
    CHECK_STR(parsed.run, "suite");
    CHECK_STR(parsed.pv, "");
    CHECK_STR(parsed.test, "*");
    CHECK_STR(parsed.plant, "");
    CHECK_STR(parsed.platform, "");
    CHECK_STR(parsed.echo, "");
    CHECK_EQ(parsed.log, LOG_INFO);
    CHECK(!parsed.nopatch && !parsed.sites);
    CHECK_STR(parsed.arguments, "");
}

static void test_arguments(void)
{
    CHECK(cmdline_parse("run=app:x -- A=1 log=loud  run=y", &parsed, error));
    CHECK_STR(parsed.run, "app:x");
    CHECK_STR(parsed.arguments, " A=1 log=loud  run=y");
    CHECK(cmdline_parse("run=app:x --", &parsed, error));
    CHECK_STR(parsed.arguments, "");
    CHECK(!cmdline_parse("run=app:x --x", &parsed, error));
}

static void test_defaults(void)
{
    check_defaults("");
    check_defaults("   \t\r\n ");
}

static void test_all_words(void)
{
    CHECK(cmdline_parse(
        "run=repro:x pv=xen-pv test=mmu/* plant=hang platform=qemu echo=a=b log=debug", &parsed,
        error));
    CHECK_STR(parsed.run, "repro:x");
    CHECK_STR(parsed.pv, "xen-pv");
    CHECK_STR(parsed.test, "mmu/*");
    CHECK_STR(parsed.plant, "hang");
    CHECK_STR(parsed.platform, "qemu");
    CHECK_STR(parsed.echo, "a=b");
    CHECK_EQ(parsed.log, LOG_DEBUG);
    CHECK(cmdline_parse("\tlog=warn\n run=" TEXT_63 "  ", &parsed, error));
    CHECK_STR(parsed.run, TEXT_63);
    CHECK_EQ(parsed.log, LOG_WARN);
    CHECK(cmdline_parse("log=error", &parsed, error) && parsed.log == LOG_ERROR);
    CHECK(!parsed.nopatch && !parsed.sites);
    CHECK(cmdline_parse("pv.sites run=x nopatch", &parsed, error));
    CHECK(parsed.nopatch && parsed.sites);
}

static const struct {
    const char *line;
    const char *message;
} bad[] = {
    {"foo=1", "unknown word \"foo=1\"; known: run= pv= test= plant= platform= echo= "
              "log= evtchn= soak= mutate= nopatch pv.sites"},
    {"run=suite ru", "unknown word \"ru\"; known: run= pv= test= plant= platform= "
                     "echo= log= evtchn= soak= mutate= nopatch pv.sites"},
    {"RUN=suite", "unknown word \"RUN=suite\"; known: run= pv= test= plant= "
                  "platform= echo= log= evtchn= soak= mutate= nopatch pv.sites"},
    {"=x",
     "unknown word \"=x\"; known: run= pv= test= plant= platform= echo= log= evtchn= soak= mutate= nopatch pv.sites"},
    {"run",
     "unknown word \"run\"; known: run= pv= test= plant= platform= echo= log= evtchn= soak= mutate= nopatch pv.sites"},
    {"pv=", "no value in \"pv=\""},
    {"run=a run=a", "given twice: \"run=a\""},
    {"log=info log=info", "given twice: \"log=info\""},
    {"log=loud", "wanted error, warn, info or debug in \"log=loud\""},
    {"log=inf", "wanted error, warn, info or debug in \"log=inf\""},
    {"log=infos", "wanted error, warn, info or debug in \"log=infos\""},
    {"nopatch=1",
     "unknown word \"nopatch=1\"; known: run= pv= test= plant= platform= echo= log= evtchn= soak= mutate= nopatch pv.sites"},
    {"pv.sites=",
     "unknown word \"pv.sites=\"; known: run= pv= test= plant= platform= echo= log= evtchn= soak= mutate= nopatch pv.sites"},
    {"nopatch nopatch", "given twice: \"nopatch\""},
    {"run=" TEXT_63 "4", "the value is too long in "
                         "\"run=12345678901234567890123456789012345678901234...\""},
    {"a\033[2J\x7f\x80", "unknown word \"a?[2J??\"; known: run= pv= test= plant= "
                         "platform= echo= log= evtchn= soak= mutate= nopatch pv.sites"},
};

static void test_errors(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CHECK(!cmdline_parse(bad[i].line, &parsed, error));
        CHECK_STR(error, bad[i].message);
    }
}

/* The longest quotation still leaves room for the list of known words. */
static void test_long_word(void)
{
    static char line[5000];

    memset(line, 'y', sizeof(line) - 1);
    CHECK(!cmdline_parse(line, &parsed, error));
    CHECK(strstr(error, "yyy...\"; known: run= ") != NULL);
    CHECK_STR(error + strlen(error) - 9, " pv.sites");
}

int main(void)
{
    RUN(test_defaults);
    RUN(test_all_words);
    RUN(test_arguments);
    RUN(test_errors);
    RUN(test_long_word);
    return finish("cmdline");
}
