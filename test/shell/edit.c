/* SPDX-License-Identifier: MIT */
/* The line editor (test/shell/edit.h). */
#include "test/shell/edit.h"
#include "lib/format.h"
#include "lib/string.h"

#define CONTROL(letter) ((letter)&0x1f)
#define ESCAPE          0x1b
#define DELETE          0x7f

/* editor.escape: nothing; ESC; ESC [ or ESC O, and perhaps digits. */
enum { ESCAPE_NONE, ESCAPE_BEGUN, ESCAPE_CSI };

static void write_text(const struct editor *e, const char *text)
{
    e->write(text, strlen(text));
}

/* Write the line again, of which a window around the cursor is shown. */
static void redraw(const struct editor *e)
{
    const u32 first = e->at < EDIT_SHOWN_MAX ? 0 : e->at - EDIT_SHOWN_MAX + 1;
    const u32 shown = MIN(e->len - first, (u32)EDIT_SHOWN_MAX);
    char move[16];

    write_text(e, "\r");
    write_text(e, e->prompt);
    e->write(e->line + first, shown);
    write_text(e, "\x1b[K");
    if (e->at < first + shown) {
        ksnprintf(move, sizeof(move), "\x1b[%uD", first + shown - e->at);
        write_text(e, move);
    }
}

static void bell(const struct editor *e)
{
    write_text(e, "\a");
}

static void insert(struct editor *e, const char *text, u32 len)
{
    const bool at_end = e->at == e->len;

    if (len > EDIT_LINE_MAX - e->len) {
        bell(e);
        return;
    }
    memmove(e->line + e->at + len, e->line + e->at, e->len - e->at);
    memcpy(e->line + e->at, text, len);
    e->at += len;
    e->len += len;
    e->line[e->len] = '\0';
    if (at_end && e->len < EDIT_SHOWN_MAX)
        e->write(text, len);
    else
        redraw(e);
}

/* Remove the characters [from, to), and leave the cursor at from. */
static void remove_range(struct editor *e, u32 from, u32 to)
{
    memmove(e->line + from, e->line + to, e->len - to);
    e->len -= to - from;
    e->line[e->len] = '\0';
    e->at = from;
    redraw(e);
}

static void move_to(struct editor *e, u32 at)
{
    e->at = at;
    redraw(e);
}

static u32 word_start(const struct editor *e)
{
    u32 at = e->at;

    while (at && e->line[at - 1] == ' ')
        at--;
    while (at && e->line[at - 1] != ' ')
        at--;
    return at;
}

/* Show the line that is `back` lines back in the history; 0 is an empty, new one. */
static void recall(struct editor *e, u32 back)
{
    if (back > MIN(e->nr_history, (u32)EDIT_HISTORY)) {
        bell(e);
        return;
    }
    e->back = back;
    e->line[0] = '\0';
    if (back)
        str_copy(e->line, e->history[(e->nr_history - back) % EDIT_HISTORY], sizeof(e->line));
    e->len = e->at = (u32)strlen(e->line);
    redraw(e);
}

static void remember(struct editor *e)
{
    const u32 last = (e->nr_history - 1) % EDIT_HISTORY;

    if (!e->len || (e->nr_history && !strcmp(e->history[last], e->line)))
        return;
    str_copy(e->history[e->nr_history++ % EDIT_HISTORY], e->line, sizeof(e->line));
}

/* Return how many candidates there are; *common: how many first characters they share. */
static u32 count_candidates(const struct editor *e, u32 start, u32 *common)
{
    const char *first = NULL, *word;
    u32 count = 0;

    *common = 0;
    while ((word = e->complete(e->line, start, e->at - start, count))) {
        u32 same = 0;

        if (!first) {
            first = word;
            *common = (u32)strlen(word);
        }
        while (same < *common && word[same] == first[same])
            same++;
        *common = same;
        count++;
    }
    return count;
}

static void list_candidates(const struct editor *e, u32 start)
{
    const char *word;

    write_text(e, "\r\n");
    for (u32 i = 0; (word = e->complete(e->line, start, e->at - start, i)); i++) {
        write_text(e, i ? "  " : "");
        write_text(e, word);
    }
    write_text(e, "\r\n");
    redraw(e);
}

/* Complete the word before the cursor as far as it is unambiguous; else list what it may become. */
static void complete(struct editor *e)
{
    u32 start = e->at, common, count;

    while (start && e->line[start - 1] != ' ' && e->line[start - 1] != ';')
        start--;
    count = e->complete ? count_candidates(e, start, &common) : 0;
    if (!count) {
        bell(e);
        return;
    }
    if (common > e->at - start) {
        const char *word = e->complete(e->line, start, e->at - start, 0);

        insert(e, word + (e->at - start), common - (e->at - start));
    } else if (count > 1) {
        list_candidates(e, start);
    }
    if (count == 1 && e->at == e->len)
        insert(e, " ", 1);
}

/* The last byte of a control sequence. */
static void sequence(struct editor *e, u8 byte)
{
    if (byte == 'A')
        recall(e, e->back + 1);
    else if (byte == 'B' && e->back)
        recall(e, e->back - 1);
    else if (byte == 'C' && e->at < e->len)
        move_to(e, e->at + 1);
    else if (byte == 'D' && e->at)
        move_to(e, e->at - 1);
    else if (byte == 'H' || (byte == '~' && (e->number == 1 || e->number == 7)))
        move_to(e, 0);
    else if (byte == 'F' || (byte == '~' && (e->number == 4 || e->number == 8)))
        move_to(e, e->len);
    else if (byte == '~' && e->number == 3 && e->at < e->len)
        remove_range(e, e->at, e->at + 1);
}

/* Take a byte of a control sequence. Return false if it is not one. */
static bool escape_key(struct editor *e, u8 byte)
{
    if (byte == ESCAPE) {
        e->escape = ESCAPE_BEGUN;
        e->number = 0;
        return true;
    }
    if (e->escape == ESCAPE_BEGUN) {
        e->escape = byte == '[' || byte == 'O' ? ESCAPE_CSI : ESCAPE_NONE;
        return true;
    }
    if (e->escape == ESCAPE_NONE)
        return false;
    if (byte >= '0' && byte <= '9' && e->number < 100) {
        e->number = e->number * 10 + (byte - '0');
    } else if (byte >= 0x40 || byte < ' ') {
        e->escape = ESCAPE_NONE;
        sequence(e, byte);
    }
    return true;
}

static void control_key(struct editor *e, u8 byte)
{
    switch (byte) {
    case CONTROL('A'):
        move_to(e, 0);
        break;
    case CONTROL('E'):
        move_to(e, e->len);
        break;
    case CONTROL('B'):
        move_to(e, e->at ? e->at - 1 : 0);
        break;
    case CONTROL('F'):
        move_to(e, MIN(e->at + 1, e->len));
        break;
    case CONTROL('D'):
        remove_range(e, e->at, MIN(e->at + 1, e->len));
        break;
    case CONTROL('H'):
    case DELETE:
        remove_range(e, e->at ? e->at - 1 : 0, e->at);
        break;
    case CONTROL('K'):
        remove_range(e, e->at, e->len);
        break;
    case CONTROL('U'):
        remove_range(e, 0, e->at);
        break;
    case CONTROL('W'):
        remove_range(e, word_start(e), e->at);
        break;
    case CONTROL('L'):
        write_text(e, "\x1b[H\x1b[J");
        redraw(e);
        break;
    case CONTROL('P'):
        recall(e, e->back + 1);
        break;
    case CONTROL('N'):
        recall(e, e->back ? e->back - 1 : 0);
        break;
    case '\t':
        complete(e);
        break;
    default:
        bell(e);
        break;
    }
}

void edit_begin(struct editor *e)
{
    e->len = e->at = e->back = 0;
    e->escape = ESCAPE_NONE;
    e->line[0] = '\0';
    write_text(e, e->prompt);
}

static enum edit_event end_line(struct editor *e)
{
    write_text(e, "\r\n");
    remember(e);
    return EDIT_DONE;
}

enum edit_event edit_key(struct editor *e, u8 byte)
{
    const u8 last = e->last;
    const char text = (char)byte;

    e->last = byte;
    if (escape_key(e, byte) || (byte == '\n' && last == '\r'))
        return EDIT_NONE;
    if (byte == '\r' || byte == '\n')
        return end_line(e);
    if (byte == CONTROL('C')) {
        move_to(e, e->len);
        write_text(e, "^C\r\n");
        return EDIT_CANCEL;
    }
    if (byte == CONTROL('D') && !e->len) {
        write_text(e, "\r\n");
        return EDIT_END;
    }
    if (byte < ' ' || byte == DELETE)
        control_key(e, byte);
    else if (byte < DELETE)
        insert(e, &text, 1);
    else
        bell(e);
    return EDIT_NONE;
}
