/* SPDX-License-Identifier: MIT */
/*
 * A machine for mm/ on the host: RAM at DIRECT_MAP, and page-table ops that behave like Xen PV's.
 * Machine frame numbers differ from pfns; in lazy mode changes are delayed; a plain store to an
 * announced table, or an op on a table that is not announced, is detected.
 */
#ifndef TEST_HOST_FAKE_MMU_H
#define TEST_HOST_FAKE_MMU_H

#include "mm/balloon.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/mm.h"
#include "mm/space.h"
#include "mm/vmap.h"

#define FAKE_FRAMES 4096ull

/* Start again: all frames except the first 16 and the kernel's two tables are free. */
void fake_reset(void);

/* Abort if an announced table differs from what the ops wrote to it. */
void fake_check(void);

/* Walk the tables by machine frames, as hardware does; return the leaf's raw entry, or 0. */
u64 fake_walk(pfn_t root, u64 va);

/*
 * The flushes of the TLB since fake_reset: of single pages (the last one's address), and of more.
 * free_frames: how many frames were free at the last flush of a page.
 */
extern struct fake_flushes {
    u32 pages, user, kernel;
    u64 first, last, free_frames;
} fake_flushes;

/* The balloon: how many frames the hypervisor still takes, and the most that it gives at once. */
extern u32 fake_balloon_room, fake_balloon_most;

/*
 * Suspend and restore this machine, with other machine frames, at this preemption point from here
 * on: where the last lock is released, or a slot has been read and no lock is held. 0: not, and so
 * after the suspend.
 */
extern u32 fake_suspend_at;

/* make_contiguous returns -ENOMEM. */
extern bool fake_refuses_contiguous;

/*
 * Count of calls of pv_panic, which jumps to fake_panic_return if that is armed, and otherwise
 * aborts.
 */
#include <setjmp.h>
extern jmp_buf fake_panic_return;
extern bool fake_panic_armed;
extern char fake_panic_text[256];

#endif
