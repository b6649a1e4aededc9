/*
 * test/host/fake_mmu.h: a machine for mm/ on the host: RAM at DIRECT_MAP, and page-table ops that
 * are as strange as Xen PV's. Machine frames are not the frames; in lazy mode changes wait; and a
 * plain store to an announced table, or an op on one that is not, is found out.
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

/* Starts afresh: all frames but the first 16 and the kernel's two tables are free. */
void fake_reset(void);

/* Aborts if an announced table differs from what the ops made of it. */
void fake_check(void);

/* The walk that hardware would do, by machine frames alone: the leaf's raw entry, or 0. */
u64 fake_walk(pfn_t root, u64 va);

/* The flushes of the TLB since fake_reset: of single pages (the last one's address), and of more.
 */
extern struct fake_flushes {
    u32 pages, user, kernel;
    u64 first, last;
} fake_flushes;

/* How many frames the hypervisor still takes for the balloon. */
extern u32 fake_balloon_room;

/* How often pv_panic was called; it returns by longjmp to fake_panic_return if armed, else aborts.
 */
#include <setjmp.h>
extern jmp_buf fake_panic_return;
extern bool fake_panic_armed;
extern char fake_panic_text[256];

#endif
