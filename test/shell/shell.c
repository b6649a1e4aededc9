/* SPDX-License-Identifier: MIT */
/*
 * The monitor's loop: read a line, find its commands, run them. At a terminal the line is edited
 * here (edit.c); of a file or a pipe each line is printed before it is run, so that the log reads
 * like a session.
 */
#include "test/shell/shell.h"
#include "kernel/app_input.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "kernel/services.h"
#include "lib/format.h"
#include "lib/string.h"
#include "test/shell/edit.h"

static bool failed; /* a command of the line has printed an error */
static bool leaving;
static u32 lines; /* that were read so far */

void shell_error(const char *fmt, ...)
{
    char text[PRINT_MAX / 2];
    va_list ap;

    va_start(ap, fmt);
    kvsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    print("error: %s\n", text);
    failed = true;
}

bool shell_refuses(bool really, const char *reason)
{
    if (!reason || really)
        return false;
    shell_error("refused: %s. To do it all the same, begin the command with the word really",
                reason);
    return true;
}

/* ---- Commands */

static const struct shell_command *find_command(const char *name)
{
    for (const struct shell_command *c = _shell_commands_start; c < _shell_commands_end; c++)
        if (!strcmp(c->named.name, name))
            return c;
    return NULL;
}

static void run_words(struct words *words, bool really)
{
    const struct shell_command *command = find_command(words->word[0]);
    const u32 op = shell_find_op(words->word[0]);

    if (command)
        command->run(words, really);
    else if (op < PV_NR_OPS)
        shell_call_op(op, words, really);
    else
        shell_error("%s is neither a command nor an op; help lists both", words->word[0]);
}

void shell_nested(struct words *words, u32 first, bool really)
{
    struct words inner = {.count = words->count - first};

    memcpy(inner.word, words->word + first, inner.count * sizeof(inner.word[0]));
    run_words(&inner, really);
}

static void run_command(char *text)
{
    struct words words;
    bool really;

    if (!words_split(text, &words)) {
        shell_error("more than %u words in a command", WORDS_MAX);
        return;
    }
    really = words.count > 1 && !strcmp(words.word[0], "really");
    if (really) {
        words.count--;
        memmove(words.word, words.word + 1, words.count * sizeof(words.word[0]));
    }
    run_words(&words, really);
}

bool shell_line(char *line)
{
    char *text;

    failed = false;
    while (!failed && !leaving && (text = words_command(&line)))
        run_command(text);
    shell_repair_line();
    return !leaving;
}

SHELL_COMMAND(quit, "", "end the run; so does the end of the input (Ctrl-D)")
{
    leaving = true;
}

static void print_op_names(void)
{
    u32 column = 0;

    for (u32 op = 0; op < PV_NR_OPS; op++) {
        const u32 len = (u32)strlen(shell_ops[op].name);

        if (column + len > 90) {
            print("\n");
            column = 0;
        }
        print("%s%s", column ? " " : "  ", shell_ops[op].name);
        column += len + 2;
    }
    print("\n");
}

SHELL_COMMAND(ops, "", "list the names of all ops")
{
    print_op_names();
}

static void help_op(u32 op)
{
    bool always;
    const char *reason = shell_rule_of(op, &always);

    print("%s pv_%s%s\n", shell_ops[op].returns, shell_ops[op].name, shell_ops[op].params);
    shell_print_help(op);
    if (reason)
        print("Here:     refused %swithout the word really: %s.\n",
              always ? "" : "with some arguments ", reason);
}

static void print_usage(const char *before, const struct shell_command *c)
{
    print("%s%s%s%s: %s\n", before, c->named.name, *c->usage ? " " : "", c->usage, c->help);
}

static void help_all(void)
{
    print(
        "Type an op and its arguments: read_cr3, cpuid 0 0 &a. Values are numbers (0x…), $names,\n"
        "buffers &a to &h, joined by + - |. Several commands: separated by ';'. Tab completes.\n");
    for (const struct shell_command *c = _shell_commands_start; c < _shell_commands_end; c++)
        print_usage("  ", c);
    print("help OP prints the op's contract, ops lists all %u.\n", PV_NR_OPS);
}

SHELL_COMMAND(help, "[OP|COMMAND]", "this text, or what an op promises, or how to use a command")
{
    const struct shell_command *command;

    if (words->count == 1) {
        help_all();
        return;
    }
    command = find_command(words->word[1]);
    if (command)
        print_usage("", command);
    else if (shell_find_op(words->word[1]) < PV_NR_OPS)
        help_op(shell_find_op(words->word[1]));
    else
        shell_error("%s is neither a command nor an op", words->word[1]);
}

/* ---- Input */

/* Return the index'th name that begins with prefix: of commands if it is a line's first word. */
static const char *complete(const char *line, u32 start, u32 len, u32 index)
{
    const char *prefix = line + start;

    for (const struct shell_command *c = _shell_commands_start; c < _shell_commands_end; c++)
        if (!strncmp(c->named.name, prefix, len) && !index--)
            return c->named.name;
    for (u32 op = 0; op < PV_NR_OPS; op++)
        if (!strncmp(shell_ops[op].name, prefix, len) && !index--)
            return shell_ops[op].name;
    return NULL;
}

static void write_keys(const char *text, size_t len)
{
    console_write(text, len);
}

/* Read one byte. Return false at the end of the input. Lines that do not arrive are an error. */
static bool read_byte(char *byte)
{
    const int got = libc_console_read(byte, 1);

    if (got == LIBC_CONSOLE_SILENT)
        finish(VERDICT_ERROR, "the monitor has read %u lines, and the next one does not arrive",
               lines);
    return got == 1;
}

/* Edit one line. Return NULL at the end of the input. */
static char *edit_line(void)
{
    static struct editor editor = {.prompt = "> ", .write = write_keys, .complete = complete};
    enum edit_event event = EDIT_CANCEL;
    char byte;

    do {
        if (event == EDIT_CANCEL)
            edit_begin(&editor);
        if (!read_byte(&byte))
            return NULL;
        event = edit_key(&editor, (u8)byte);
    } while (event == EDIT_NONE || event == EDIT_CANCEL);
    return event == EDIT_DONE ? editor.line : NULL;
}

/* Read one line of a script, and print it. Return NULL at the end of the input. */
static char *script_line(void)
{
    static char line[EDIT_LINE_MAX + 2];
    u32 len = 0;
    bool more;
    char c;

    while ((more = read_byte(&c)) && c != '\n')
        if (len < sizeof(line) - 1)
            line[len++] = c >= ' ' && c <= '~' ? c : ' ';
    if (!more && !len)
        return NULL;
    line[len] = '\0';
    print("> %s\n", line);
    if (len > EDIT_LINE_MAX) {
        shell_error("a line of more than %u characters", EDIT_LINE_MAX);
        line[0] = '\0';
    }
    return line;
}

static void shell_run(void)
{
    char *line;

    app_input_init();
    if (!shell_memory_init())
        finish(VERDICT_ERROR, "the monitor has no memory for its pages");
    print("paravane: program shell starts\n");
    if (libc_console_kind() != LIBC_CONSOLE_PIPE)
        print("This is Paravane's monitor on %s. help lists the commands; Ctrl-D ends it.\n",
              pv_backend_name());
    do {
        line = libc_console_kind() == LIBC_CONSOLE_PIPE ? script_line() : edit_line();
        lines += line != NULL;
    } while (line && shell_line(line));
    print("paravane: program shell exits\n");
    print("# %u lines\n", lines);
    finish(VERDICT_PASS, "%s", "");
}

PAYLOAD(shell, shell_run);
