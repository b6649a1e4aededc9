/* What the suite and the benchmark make of the words that are meant for them. */
#ifndef TEST_TEXT_H
#define TEST_TEXT_H

#include "lib/types.h"

/* Does name match pattern? '*' stands for any run of characters, '?' for any one. */
bool glob_match(const char *pattern, const char *name);

/* Does name match one of these patterns, which commas separate? */
bool glob_list_match(const char *patterns, const char *name);

/*
 * An unsigned number: decimal, or hexadecimal after 0x, all of s, no sign, no space. Returns false
 * on anything else and on overflow, and leaves *value alone.
 */
bool parse_u64(const char *s, u64 *value);

#endif
