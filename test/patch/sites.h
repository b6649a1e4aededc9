/* For the tests of call sites: they change them while no other CPU executes one. */
#ifndef TEST_SITES_H
#define TEST_SITES_H

#include "pv/patch/patch.h"

/* Runs fn(arg) with interrupts disabled, all other CPUs waiting meanwhile. */
void run_alone(void (*fn)(void *arg), void *arg);

/* pv_patch, alone. */
void set_patched(bool patched);

/* Puts another function in place of an op's, alone, and returns what was there. */
const void *replace_op(u32 op, const void *function);

/* Is each site as its record says, and none a call through the table, or all? */
void expect_all_are(bool patched);

#endif
