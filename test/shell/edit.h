/* SPDX-License-Identifier: MIT */
/*
 * A line editor for a terminal that understands ANSI's control sequences: one line of bounded
 * length, a history, and completion. The keys are those of Emacs, and the arrows, Home, End and
 * Delete. It has no input or output of its own: edit_key takes a byte, and writes by a function
 * that its owner gives it.
 */
#ifndef TEST_SHELL_EDIT_H
#define TEST_SHELL_EDIT_H

#include "lib/types.h"

enum {
    EDIT_LINE_MAX = 200, /* characters of a line */
    EDIT_SHOWN_MAX = 72, /* of them shown at once: a longer line scrolls */
    EDIT_HISTORY = 16,   /* lines */
};

enum edit_event {
    EDIT_NONE,   /* the line continues */
    EDIT_DONE,   /* Enter: the line is in editor.line */
    EDIT_CANCEL, /* Ctrl-C: the line was dropped */
    EDIT_END,    /* Ctrl-D on an empty line */
};

struct editor {
    const char *prompt;
    void (*write)(const char *text, size_t len);
    /*
     * Return the index'th word that can follow line[0..start) and begins with the len characters at
     * line + start, or NULL if there are no more. Optional.
     */
    const char *(*complete)(const char *line, u32 start, u32 len, u32 index);

    char line[EDIT_LINE_MAX + 1];
    u32 len, at; /* at: the cursor, 0 to len */
    u32 escape;  /* what of a control sequence has arrived (edit.c) */
    u32 number;  /* its parameter */
    u8 last;     /* the last byte, because CR LF is one Enter */
    char history[EDIT_HISTORY][EDIT_LINE_MAX + 1];
    u32 nr_history; /* lines remembered since the start; the last EDIT_HISTORY are kept */
    u32 back;       /* how far back in the history the line is; 0: a new one */
};

/* Begin a new, empty line, and write the prompt. */
void edit_begin(struct editor *e);

/* Take one byte of input. After EDIT_DONE and EDIT_CANCEL call edit_begin for the next line. */
enum edit_event edit_key(struct editor *e, u8 byte);

#endif
