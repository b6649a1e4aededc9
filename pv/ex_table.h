/* SPDX-License-Identifier: MIT */
/*
 * The exception table, for single instructions that may fault. If the instruction at `from` faults,
 * execution continues at `to`, and no register has changed. kernel/trap.c searches this table
 * before it reports an exception. PV_TRY (kernel/trap.h) does the same for a block of code.
 */
#ifndef PV_EX_TABLE_H
#define PV_EX_TABLE_H

#include "lib/types.h"

/* Each field is relative to its own address. */
struct ex_entry {
    s32 from, to;
};

/* Use in inline assembly: EX_TABLE(1b, 2b), with local labels 1 and 2. */
#define EX_TABLE(from, to) \
    "\n\t.pushsection .ex_table, \"a\"\n\t" \
    ".long " #from " - .\n\t" \
    ".long " #to " - .\n\t" \
    ".popsection\n\t"

#endif
