/* SPDX-License-Identifier: MIT */
/* Helpers for tests of call sites, which change sites while no other CPU executes one. */
#ifndef TEST_PATCH_SITES_H
#define TEST_PATCH_SITES_H

#include "pv/patch/patch.h"

/* Run fn(arg) with interrupts disabled while all other CPUs spin. */
void run_alone(void (*fn)(void *arg), void *arg);

/* Call pv_patch(patched) while all other CPUs spin. */
void set_patched(bool patched);

/* Replace the function of an op while all other CPUs spin; return the previous one. */
const void *replace_op(u32 op, const void *function);

/*
 * Expect each site to be as its record says, and none (patched) or all to call through the table.
 */
void expect_all_are(bool patched);

#endif
