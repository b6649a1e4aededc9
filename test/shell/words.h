/* SPDX-License-Identifier: MIT */
/*
 * The words of a line of the monitor, and the values that they stand for. Pure code with bounded
 * state: any bytes may be typed.
 */
#ifndef TEST_SHELL_WORDS_H
#define TEST_SHELL_WORDS_H

#include "lib/types.h"

#define WORDS_MAX 12

struct words {
    u32 count;
    char *word[WORDS_MAX]; /* strings in the line that was split */
};

/*
 * Return the first command of *line, up to a ';' or the end, and move *line past it; NULL if only
 * blanks are left. The line is changed. A '#' at the start of a word begins a comment.
 */
char *words_command(char **line);

/* Split a command at blanks, in place. Return false if it has more than WORDS_MAX words. */
bool words_split(char *command, struct words *words);

/* Undo the split from a word on: return that word and all after it as one string. */
char *words_rest(struct words *words, u32 first);

/* Return whether a name (len characters, not terminated) is known, and store its value. */
typedef bool words_lookup(const char *name, size_t len, u64 *value);

/*
 * Evaluate a word: numbers and names, joined by '+', '-' and '|', from left to right. A number is
 * decimal, or hexadecimal after 0x, and may have a '-' before it; a name has letters, digits and
 * '_', after an optional '$' or '&'. Return NULL, or what is wrong.
 */
const char *words_value(const char *word, words_lookup *lookup, u64 *value);

#endif
