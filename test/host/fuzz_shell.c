/* SPDX-License-Identifier: MIT */
/*
 * Fuzzer: any bytes as keys of the monitor's line editor. The editor's state stays within its
 * bounds; each line that is entered is split and evaluated, and read as the parameters of an op.
 */
#include "fuzz.h"

#include "test/shell/edit.h"
#include "test/shell/signature.h"
#include "test/shell/words.h"

static void drop_text(const char *text, size_t len)
{
    REQUIRE(len <= EDIT_LINE_MAX && (!len || text));
}

static const char *complete(const char *line, u32 start, u32 len, u32 index)
{
    static const char *const names[] = {"trace", "trap_init", "wbinvd"};

    REQUIRE(start + len <= EDIT_LINE_MAX);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (!strncmp(names[i], line + start, len) && !index--)
            return names[i];
    return NULL;
}

static bool lookup(const char *name, size_t len, u64 *value)
{
    *value = len;
    return len && name[0] != 'x';
}

static void require_line(const struct editor *e)
{
    REQUIRE(e->len <= EDIT_LINE_MAX && e->at <= e->len && !e->line[e->len]);
    REQUIRE(strlen(e->line) == e->len && e->back <= EDIT_HISTORY);
    for (u32 i = 0; i < e->len; i++)
        REQUIRE(e->line[i] >= ' ' && e->line[i] <= '~');
    for (u32 i = 0; i < EDIT_HISTORY; i++)
        REQUIRE(is_terminated(e->history[i], sizeof(e->history[i])));
}

static void use_line(const char *entered)
{
    char line[EDIT_LINE_MAX + 1], *rest = line, *command;
    struct signature_type type;
    struct signature s;
    struct words w;
    u64 value;

    signature_parse(entered, &s);
    signature_type(entered, strlen(entered), &type);
    strcpy(line, entered);
    while ((command = words_command(&rest))) {
        REQUIRE(*command && command >= line && rest <= line + strlen(entered));
        if (!words_split(command, &w))
            continue;
        REQUIRE(w.count <= WORDS_MAX);
        for (u32 i = 0; i < w.count; i++) {
            REQUIRE(*w.word[i]);
            words_value(w.word[i], lookup, &value);
        }
        if (w.count)
            words_rest(&w, w.count / 2);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static struct editor e;

    memset(&e, 0, sizeof(e));
    e.prompt = "> ";
    e.write = drop_text;
    e.complete = size % 2 ? complete : NULL;
    edit_begin(&e);
    for (size_t i = 0; i < size; i++) {
        const enum edit_event event = edit_key(&e, data[i]);

        require_line(&e);
        if (event == EDIT_DONE)
            use_line(e.line);
        if (event != EDIT_NONE)
            edit_begin(&e);
    }
    return 0;
}
