/* What the tests of page-table ops and of mm/ share. */
#ifndef TEST_MM_UTIL_H
#define TEST_MM_UTIL_H

#include "kernel/trap.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/mm.h"
#include "mm/space.h"
#include "test/harness/test.h"

/* Addresses for tests, in the kernel's part for mappings and in a user space. */
#define TEST_VA (VMAP_END - GIB(8))
#define USER_VA 0x400000ull

#define NO_PFN PFN_INVALID.n

/* What a read of 8 bytes at va brings: false if it faults, which *f then tells. */
bool try_read(u64 va, u64 *value, struct fault *f);
bool try_write(u64 va, u64 value, struct fault *f);

/*
 * Return the order of the largest free block, after an attempt to take and free one of
 * FRAME_ORDER_MAX. The attempt opens sections until one has such a block: only open ones count.
 */
int largest_order_once_open(void);

/* New frames filled with the mark, whole pages of it. */
pfn_t marked_frame(u64 mark);
u64 frame_mark(pfn_t pfn);

/* PTE_NX, or 0 on a CPU without NX: the bit that entries keep. */
u64 nx_bit(void);

/* The rights that mm_query finds where mm_map got prot: without NX all can be executed. */
u32 rights_found(u32 prot);

/* Has a user space no table but its root? */
bool has_no_tables(const struct mm_space *s);

/*
 * PANICS(op) { … }: the block ends in a pv_panic of this op (a string); the test fails if it does
 * not. MUST NOT be left otherwise.
 */
extern char caught_panic[256];
bool panic_catch_begin(void);
bool panic_catch_end(const struct fault *f, const char *op, const char *file, int line);
#define PANICS(op) \
    for (struct fault pv_f_ = {0}, *pv_once_ = (panic_catch_begin(), &pv_f_); pv_once_; \
         panic_catch_end(&pv_f_, op, __FILE__, __LINE__), pv_once_ = NULL) \
    PV_TRY(pv_f_)

/* A generator of numbers: xorshift64*, the same sequence for the same seed. */
u64 random_next(u64 *state);

#endif
