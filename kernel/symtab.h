/*
 * Names for code addresses. tools/build/symtab.py makes the table from the linked image; it is
 * linked in behind the text, so that linking it in moves no function.
 */
#ifndef KERNEL_SYMTAB_H
#define KERNEL_SYMTAB_H

#include "lib/types.h"

enum {
    SYMTAB_NAME_MAX = 64, /* a longer name is cut */
    SYMTAB_PAIRS = 128,   /* the bytes from here on stand for two others */
};

/*
 * Of each function, in the order of addresses: how far it starts behind the one before (of the
 * first: behind base), as an LEB128 number, its name, and 0. The last, whose name is empty, is the
 * end of the text. A name is ASCII, and bytes that stand for two, each of which may again.
 */
struct symtab {
    u64 base; /* address of the first byte of text */
    const u8 *functions;
    const u8 (*pairs)[2];
};

extern const struct symtab kernel_symtab;

/*
 * The name of the function that holds addr, and in *offset the distance from its start in bytes;
 * false if addr lies outside of the text.
 */
#ifndef WITHOUT_NAMES
bool symtab_lookup(const struct symtab *t, u64 addr, char name[SYMTAB_NAME_MAX], u64 *offset);
#else
/* make WITHOUT=names: tools/paravane/run/names.py has them from the unstripped image. */
static inline bool symtab_lookup(const struct symtab *t, u64 addr, char name[SYMTAB_NAME_MAX],
                                 u64 *offset)
{
    (void)t, (void)addr, (void)name, (void)offset;
    return false;
}
#endif

#endif
