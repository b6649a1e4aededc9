/*
 * Names for code addresses. tools/symtab.py makes the table from the linked image; it is linked in
 * behind the text, so that linking it in moves no function.
 */
#ifndef KERNEL_SYMTAB_H
#define KERNEL_SYMTAB_H

#include "lib/types.h"

struct symtab {
    u64 base;            /* address of the first byte of text */
    u32 count;           /* functions */
    const u32 *starts;   /* count + 1 offsets from base, ascending; the last is the end of text */
    const u32 *names;    /* count offsets into strings */
    const char *strings; /* NUL-terminated names */
};

extern const struct symtab kernel_symtab;

/*
 * The name of the function that holds addr, and in *offset the distance from its start in bytes;
 * NULL if addr lies outside of the text.
 */
const char *symtab_lookup(const struct symtab *t, u64 addr, u64 *offset);

#endif
