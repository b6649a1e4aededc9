/* SPDX-License-Identifier: MIT */
/* kernel/cmdline.c: the words that it accepts, and its errors for those that it rejects. */
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
    CHECK_STR(parsed.inject, "");
    CHECK_STR(parsed.platform, "");
    CHECK_STR(parsed.echo, "");
    CHECK_EQ(parsed.log, LOG_INFO);
    CHECK(!parsed.nopatch && !parsed.sites);
    CHECK_STR(parsed.arguments, "");
}

/* Parse line, and expect these words for the program and these ignored words. */
static void check_split(const char *line, const char *run, const char *arguments,
                        const char *foreign)
{
    u32 count = *foreign != '\0';

    for (const char *c = foreign; *c; c++)
        count += *c == ' ';
    CHECK(cmdline_parse(line, &parsed, error));
    CHECK_STR(error, "");
    CHECK_STR(parsed.run, run);
    CHECK_STR(parsed.arguments, arguments);
    CHECK_STR(parsed.foreign, foreign);
    CHECK_EQ(parsed.nr_foreign, count);
}

static void test_arguments(void)
{
    check_split("run=app:x -- A=1 log=loud  run=y", "app:x", " A=1 log=loud  run=y", "");
    check_split("run=app:x --", "app:x", "", "");
    check_split("run=app:x --x", "app:x", "", "--x");
    /* Words that a loader appends after the program's words. */
    check_split("run=app:x -- a b -- virtio_mmio.device=512@0xfeb00e00:12", "app:x", " a b ",
                "virtio_mmio.device=512@0xfeb00e00:12");
    check_split("-- a -- run=app:y acpi=off", "app:y", " a ", "acpi=off");
    check_split("-- a -- b --", "suite", " a -- b ", "");
    check_split("-- --", "suite", " ", "");
    check_split("-- -- --", "suite", " -- ", "");
}

/* Words that loaders, VMMs and Xen are known to append, and words of other systems. */
static void test_foreign(void)
{
    static const char *const words[] = {"placeholder",
                                        "root=/dev/sda1",
                                        "ro",
                                        "rw",
                                        "quiet",
                                        "splash",
                                        "console=ttyS0",
                                        "noapic",
                                        "acpi=force",
                                        "acpi=off",
                                        "nolapic",
                                        "panic=-1",
                                        "reboot=t",
                                        "nomodules",
                                        "BOOT_IMAGE=/boot/x",
                                        "initrd=initrd.img",
                                        "virtio_mmio.device=512@0xfeb00e00:12",
                                        "i8042.noaux",
                                        "tsc=reliable",
                                        "8250.nr_uarts=0",
                                        "pci=off",
                                        "nohz=off",
                                        "vga=792",
                                        "dom0_mem=1G",
                                        "init=/bin/sh",
                                        "S",
                                        "1",
                                        "/boot/paravane.elf",
                                        "ip=dhcp",
                                        "debug",
                                        "nosmp",
                                        "maxcpus=1",
                                        "earlyprintk=xen",
                                        "=x",
                                        "=",
                                        "p",
                                        "x=",
                                        "tests.x=1",
                                        "platform.x=2",
                                        "foo=1"};
    char line[100];

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        snprintf(line, sizeof(line), "%s run=app:x %s", words[i], words[i]);
        CHECK(cmdline_parse(line, &parsed, error));
        CHECK_STR(error, "");
        CHECK_STR(parsed.run, "app:x");
        CHECK_EQ(parsed.nr_foreign, 2);
        CHECK(!strncmp(parsed.foreign, words[i], strlen(words[i])));
    }
    check_split("a\033[2J\x7f\x80", "suite", "", "a?[2J??");
}

/* The list of ignored words is bounded, and contains only whole words. */
static void test_much_foreign(void)
{
    static char line[2000];

    for (int i = 0; i < 200; i++)
        strcat(line, "foreign ");
    CHECK(cmdline_parse(line, &parsed, error));
    CHECK_EQ(parsed.nr_foreign, 200);
    CHECK(strlen(parsed.foreign) < CMDLINE_FOREIGN_MAX);
    CHECK_EQ((strlen(parsed.foreign) + 1) % 8, 0);
}

/* Every word of the list is whole, wherever the list ends. */
static void test_foreign_words_are_whole(void)
{
    static char line[400];

    for (size_t last = 1; last < 40; last++) {
        memset(line, 'x', sizeof(line) - 1);
        for (size_t at = 75; at + 20 < CMDLINE_FOREIGN_MAX; at += 9)
            line[at] = ' ';
        line[75 + 9 * 8] = ' ';
        line[75 + 9 * 8 + 1 + last] = '\0';
        CHECK(cmdline_parse(line, &parsed, error));
        CHECK(!strncmp(line, parsed.foreign, strlen(parsed.foreign)));
        CHECK(!line[strlen(parsed.foreign)] || line[strlen(parsed.foreign)] == ' ');
        CHECK_EQ(strlen(parsed.foreign) == strlen(line), strlen(line) < CMDLINE_FOREIGN_MAX);
    }
}

/* Each known word with one mistake is an error that names the intended word. */
static void check_mistyped(const char *key, const char *line)
{
    char hint[20];

    CHECK(!cmdline_parse(line, &parsed, error));
    snprintf(hint, sizeof(hint), "(%s?)", key);
    if (!strstr(error, hint) || strncmp(error, "mistyped word ", 14))
        fail_at(__FILE__, __LINE__, "%s: %s", line, error);
}

static void test_mistyped(void)
{
    static const char *const keys[] = {
        "run=",    "test=", "inject=", "platform=", "echo=",   "log=",
        "evtchn=", "soak=", "mutate=", "check=",    "nopatch", "pv.sites"};
    char line[40];

    for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
        const int len = (int)strcspn(keys[k], "=");
        const char *key = keys[k], *value = key[len] ? "=x" : "";

        for (int i = 0; i < len; i++) {
            snprintf(line, sizeof(line), "%.*s%.*s%s", i, key, len - i - 1, key + i + 1, value);
            check_mistyped(key, line);
            snprintf(line, sizeof(line), "%.*sq%.*s%s", i, key, len - i, key + i, value);
            check_mistyped(key, line);
            snprintf(line, sizeof(line), "%.*sq%.*s%s", i, key, len - i - 1, key + i + 1, value);
            check_mistyped(key, line);
            if (i + 1 == len || key[i] == key[i + 1])
                continue;
            snprintf(line, sizeof(line), "%.*s%c%c%.*s%s", i, key, key[i + 1], key[i], len - i - 2,
                     key + i + 2, value);
            check_mistyped(key, line);
        }
        snprintf(line, sizeof(line), "%.*s%s", len, key, key[len] ? "" : "=x");
        check_mistyped(key, line);
    }
    check_mistyped("pv=", "pv");
    check_mistyped("pv=", "PV=native");
}

static void test_defaults(void)
{
    check_defaults("");
    check_defaults("   \t\r\n ");
}

static void test_all_words(void)
{
    CHECK(cmdline_parse(
        "run=repro:x pv=xen-pv test=mmu/* inject=hang platform=qemu echo=a=b log=debug", &parsed,
        error));
    CHECK_STR(parsed.run, "repro:x");
    CHECK_STR(parsed.pv, "xen-pv");
    CHECK_STR(parsed.test, "mmu/*");
    CHECK_STR(parsed.inject, "hang");
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

#define KNOWN \
    "; known: run= pv= test= inject= platform= echo= input= log= stack= " \
    "evtchn= soak= mutate= check= record= nopatch pv.sites"

static const struct {
    const char *line;
    const char *message;
} bad[] = {
    {"run=suite ru", "mistyped word \"ru\" (run=?)" KNOWN},
    {"RUN=suite", "mistyped word \"RUN=suite\" (run=?)" KNOWN},
    {"rnu=suite", "mistyped word \"rnu=suite\" (run=?)" KNOWN},
    {"run", "mistyped word \"run\" (run=?)" KNOWN},
    {"nopatch=1", "mistyped word \"nopatch=1\" (nopatch?)" KNOWN},
    {"pv.sites=", "mistyped word \"pv.sites=\" (pv.sites?)" KNOWN},
    {"tes\033=x", "mistyped word \"tes?=x\" (test=?)" KNOWN},
    {"-- a -- rnu=x", "mistyped word \"rnu=x\" (run=?)" KNOWN},
    {"run=x -- -- run=y", "given twice: \"run=y\""},
    {"pv=", "no value in \"pv=\""},
    {"run=a run=a", "given twice: \"run=a\""},
    {"run=a log=info run=a", "given twice: \"run=a\""},
    {"log=info log=info", "given twice: \"log=info\""},
    {"log=loud", "wanted error, warn, info or debug in \"log=loud\""},
    {"log=inf", "wanted error, warn, info or debug in \"log=inf\""},
    {"log=infos", "wanted error, warn, info or debug in \"log=infos\""},
    {"nopatch nopatch", "given twice: \"nopatch\""},
    {"run=" TEXT_63 "4", "the value is too long in "
                         "\"run=12345678901234567890123456789012345678901234...\""},
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
    static char line[5000] = "platfrm=";

    memset(line + 8, 'y', sizeof(line) - 9);
    CHECK(!cmdline_parse(line, &parsed, error));
    CHECK(strstr(error, "yyy...\" (platform=?); known: run= ") != NULL);
    CHECK_STR(error + strlen(error) - 9, " pv.sites");
    memcpy(line, "-- yyyyy", 8);
    CHECK(!cmdline_parse(line, &parsed, error));
    CHECK_STR(error, "too many words after \"--\"");
    line[3 + CMDLINE_ARGUMENTS_MAX - 1] = '\0';
    CHECK(!cmdline_parse(line, &parsed, error));
    line[3 + CMDLINE_ARGUMENTS_MAX - 2] = '\0';
    CHECK(cmdline_parse(line, &parsed, error));
    CHECK_EQ(strlen(parsed.arguments), CMDLINE_ARGUMENTS_MAX - 1);
}

int main(void)
{
    RUN(test_defaults);
    RUN(test_all_words);
    RUN(test_arguments);
    RUN(test_foreign);
    RUN(test_much_foreign);
    RUN(test_foreign_words_are_whole);
    RUN(test_mistyped);
    RUN(test_errors);
    RUN(test_long_word);
    return finish("cmdline");
}
