/*
 * kernel/symtab.c: from a code address to a function's name, for backtraces.
 *
 * Runs in panics, so it takes no lock, keeps nothing and looks only at the table; the table is
 * sorted, because tools/build/symtab.py sorts it.
 */
#include "kernel/symtab.h"

/* An unsigned LEB128 number: seven bits a byte, the lowest first, bit 7 in all but the last. */
static u64 read_number(const u8 **at)
{
    u64 number = 0;

    for (u32 shift = 0;; shift += 7) {
        const u8 byte = *(*at)++;

        number |= (u64)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return number;
    }
}

/* Adds what a byte of a name stands for to out, as far as there is room. */
static char *expand(const struct symtab *t, u8 byte, char *out, const char *end)
{
    if (byte >= SYMTAB_PAIRS) {
        const u8 *pair = t->pairs[byte - SYMTAB_PAIRS];

        return expand(t, pair[1], expand(t, pair[0], out, end), end);
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

    /* An addr below base wraps around to a distance far beyond the end. */
    for (;;) {
        const u64 next = start + read_number(&at);

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
        out = expand(t, *found++, out, name + SYMTAB_NAME_MAX - 1);
    *out = '\0';
    *offset = addr - t->base - start;
    return true;
}
