/*
 * kernel/symtab.c: from a code address to a function's name, for backtraces.
 *
 * Runs in panics, so it takes no lock, writes nothing and looks only at the table; the table is
 * sorted, because tools/symtab.py sorts it.
 */
#include "kernel/symtab.h"

const char *symtab_lookup(const struct symtab *t, u64 addr, u64 *offset)
{
    u64 at = addr - t->base;
    u32 low = 0;
    u32 high = t->count;

    /* An addr below base wraps around to an offset far beyond the end. */
    if (at < t->starts[0] || at >= t->starts[t->count])
        return NULL;

    /* Always starts[low] <= at < starts[high]. */
    while (high - low > 1) {
        u32 middle = low + (high - low) / 2;

        if (t->starts[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    *offset = at - t->starts[low];
    return t->strings + t->names[low];
}
