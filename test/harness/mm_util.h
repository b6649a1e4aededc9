/* SPDX-License-Identifier: MIT */
/*
 * Helpers for tests of page-table ops and of mm/: accesses that may fault, frames with a mark, and
 * panics that are caught.
 */
#ifndef TEST_HARNESS_MM_UTIL_H
#define TEST_HARNESS_MM_UTIL_H

#include "kernel/trap.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/mm.h"
#include "mm/space.h"
#include "test/harness/test.h"

/* Addresses that tests may map: TEST_VA in the kernel's half, USER_VA in a user space. */
#define TEST_VA (VMAP_END - GIB(8))
#define USER_VA 0x400000ull

#define NO_PFN PFN_INVALID.n

/* Read 8 bytes at va. Return false if the access faults, with the fault in *f. */
bool try_read(u64 va, u64 *value, struct fault *f);
bool try_write(u64 va, u64 value, struct fault *f);

/*
 * Return the order of the largest free block, after an attempt to allocate and free one of
 * FRAME_ORDER_MAX. The attempt opens sections of memory until one has such a block, because only
 * open sections count.
 */
int largest_order_once_open(void);

/* Allocate a frame and fill it with the mark; read the mark of a frame. */
pfn_t marked_frame(u64 mark);
u64 frame_mark(pfn_t pfn);

/* Allocate all memory, as blocks in the list *held (frame_push), which is empty before; free it. */
void hold_all_memory(u32 *held);
void release_memory(u32 *held);

/* Return PTE_NX, or 0 on a CPU without NX. */
u64 nx_bit(void);

/*
 * Return the rights that mm_query reports for a page that was mapped with prot: without NX every
 * page is executable.
 */
u32 rights_found(u32 prot);

/* Return whether a user space has only its root table. */
bool has_no_tables(const struct mm_space *s);

/*
 * PANICS(op) { … }: expect the block to end in a pv_panic of this op (a string). The block must not
 * be left by a return, break or goto.
 */
extern char caught_panic[256];
bool panic_catch_begin(void);
bool panic_catch_end(const struct fault *f, const char *op, const char *file, int line);
#define PANICS(op) \
    for (struct fault pv_f_ = {0}, *pv_once_ = (panic_catch_begin(), &pv_f_); pv_once_; \
         panic_catch_end(&pv_f_, op, __FILE__, __LINE__), pv_once_ = NULL) \
    PV_TRY(pv_f_)

/* Return the next number of a xorshift64* generator: the same sequence for the same seed. */
u64 random_next(u64 *state);

#endif
