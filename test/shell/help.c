/* SPDX-License-Identifier: MIT */
/*
 * The contract's text. tools/build/shell_help.py packs it: a byte from PAIRS up stands for the two
 * bytes of its pair, each of which may stand for two again.
 */
#include "lib/string.h"
#include "test/shell/shell.h"

enum { PAIRS = 128, CHUNK = 128 };

extern const u8 shell_help[], shell_help_pairs[][2];

static struct {
    char text[CHUNK];
    u32 len;
} chunk;

static void flush_chunk(void)
{
    console_write(chunk.text, chunk.len);
    chunk.len = 0;
}

static void print_byte(u8 byte)
{
    if (byte >= PAIRS) {
        print_byte(shell_help_pairs[byte - PAIRS][0]);
        print_byte(shell_help_pairs[byte - PAIRS][1]);
        return;
    }
    chunk.text[chunk.len++] = (char)byte;
    if (chunk.len == CHUNK || byte == '\n')
        flush_chunk();
}

void shell_print_help(u32 op)
{
    const u8 *at = shell_help;

    for (; op; op--)
        at += strlen((const char *)at) + 1;
    while (*at)
        print_byte(*at++);
    flush_chunk();
}
