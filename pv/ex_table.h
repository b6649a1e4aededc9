/*
 * The exception table, for single instructions that may fault: if the one at `from` does, execution
 * goes on at `to` with nothing else changed. kernel/trap.c looks here before anything else. For
 * whole blocks there is PV_TRY (kernel/trap.h).
 */
#ifndef PV_EX_TABLE_H
#define PV_EX_TABLE_H

#include "lib/types.h"

/* Each is relative to where it lies itself. */
struct ex_entry {
    s32 from, to;
};

/* Inside asm: EX_TABLE(1b, 2b) for local labels 1 and 2. */
#define EX_TABLE(from, to) \
    "\n\t.pushsection .ex_table, \"a\"\n\t" \
    ".long " #from " - .\n\t" \
    ".long " #to " - .\n\t" \
    ".popsection\n\t"

#endif
