/* SPDX-License-Identifier: MIT */
/* Parsing of the command-line words of the suite and the benchmark. */
#ifndef TEST_HARNESS_TEXT_H
#define TEST_HARNESS_TEXT_H

#include "lib/types.h"

/* Return whether name matches pattern. '*' stands for any characters, also none; '?' for one. */
bool glob_match(const char *pattern, const char *name);

/* Return whether name matches one of the patterns, which are separated by commas. */
bool glob_list_match(const char *patterns, const char *name);

/*
 * Parse all of s as an unsigned number, decimal or hexadecimal after 0x, without sign or space.
 * Return false on anything else and on overflow, and leave *value unchanged.
 */
bool parse_u64(const char *s, u64 *value);

#endif
