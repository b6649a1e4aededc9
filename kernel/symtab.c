/* SPDX-License-Identifier: MIT */
/*
 * From a code address to the name of its function, for backtraces. Runs in panics, so it takes no
 * lock, changes no state and reads only the table, which tools/build/symtab.py has sorted by
 * address.
 */
#include "kernel/symtab.h"

/* Read an unsigned LEB128 number: 7 bits a byte, the lowest first, bit 7 set in all but the last.
 */
static u64 read_leb128(const u8 **at)
{
    u64 number = 0;

    for (u32 shift = 0;; shift += 7) {
        const u8 byte = *(*at)++;

        number |= (u64)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return number;
    }
}

/* Append the characters that a byte of a name stands for to out, while there is room. */
static char *expand_byte(const struct symtab *t, u8 byte, char *out, const char *end)
{
    if (byte >= SYMTAB_PAIRS) {
        const u8 *pair = t->pairs[byte - SYMTAB_PAIRS];

        return expand_byte(t, pair[1], expand_byte(t, pair[0], out, end), end);
    }
    if (out < end)
        *out++ = (char)byte;
    return out;
}

bool symtab_lookup(const struct symtab *t, u64 addr, char name[SYMTAB_NAME_MAX], u64 *offset)
{
    const u8 *at = t->functions, *found = NULL;
    u64 start = 0;
    char *out = name;

    /* For an addr below base, addr - base wraps around and is above every function. */
    for (;;) {
        const u64 next = start + read_leb128(&at);

        if (addr - t->base < next)
            break;
        start = next;
        found = at;
        if (!*at)
            return false;
        while (*at++)
            ;
    }
    if (!found)
        return false;
    while (*found)
        out = expand_byte(t, *found++, out, name + SYMTAB_NAME_MAX - 1);
    *out = '\0';
    *offset = addr - t->base - start;
    return true;
}
