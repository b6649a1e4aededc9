/* SPDX-License-Identifier: MIT */
/*
 * Names for code addresses. tools/build/symtab.py makes the table from the linked image; the table
 * is after the text, so that linking it in does not move a function.
 */
#ifndef KERNEL_SYMTAB_H
#define KERNEL_SYMTAB_H

#include "lib/types.h"

enum {
    SYMTAB_NAME_MAX = 64, /* a longer name is cut */
    SYMTAB_PAIRS = 128,   /* the first byte that stands for two others */
};

/*
 * functions has one record for each function, in the order of addresses: the distance of its start
 * from the start of the function before (for the first: from base), as an LEB128 number; its name;
 * and a 0. A last record with an empty name marks the end of the text. In a name, bytes from
 * SYMTAB_PAIRS up stand for the two bytes in pairs, each of which may stand for two again.
 */
struct symtab {
    u64 base; /* address of the first byte of text */
    const u8 *functions;
    const u8 (*pairs)[2];
};

extern const struct symtab kernel_symtab;

/*
 * Store the name of the function that contains addr, and the offset of addr in it in bytes. Return
 * false if addr is not in the text.
 */
#ifndef WITHOUT_NAMES
bool symtab_lookup(const struct symtab *t, u64 addr, char name[SYMTAB_NAME_MAX], u64 *offset);
#else
/* make WITHOUT=names: tools/paravane/run/names.py takes names from the unstripped image instead. */
static inline bool symtab_lookup(const struct symtab *t, u64 addr, char name[SYMTAB_NAME_MAX],
                                 u64 *offset)
{
    (void)t, (void)addr, (void)name, (void)offset;
    return false;
}
#endif

#endif
