/* SPDX-License-Identifier: MIT */
/* What the two files of run=replay share. Context: the payload's thread, which runs alone. */
#ifndef TRACE_REPLAY_H
#define TRACE_REPLAY_H

#include "trace/program.h"

struct kit_regs;

/* slot.c. Return the program that the runner writes into memory of the slot's size. */
const struct program *replay_wait_for_program(const struct program_slot *slot);

/*
 * tables.c. Return the number of a zeroed frame that this kernel does not map, so that Xen accepts
 * it as a page table.
 */
u64 replay_unmapped_frame(void);

/*
 * Store the entries of a page table in its frame, with the values of symbols, whose initial values
 * are words, and pin it if the recorded one was. A frame that is a page table already keeps its
 * entries, which the program's calls have made.
 */
void replay_fill_table(const struct table *table, const u64 *entries, const u64 *words,
                       const u64 *symbols);

/*
 * Return an entry that maps a page of the image: read-only if this kernel has it read-only, because
 * it is a descriptor table here.
 */
u64 replay_entry_of_image(u64 entry, u64 word);

/*
 * Make a hypercall while the root with this number is loaded; 0: while this kernel's is. This
 * kernel's is loaded when it returns, whatever the call has loaded.
 */
void replay_on_root(u64 root, struct kit_regs *regs);

#endif
