/* SPDX-License-Identifier: MIT */
/* Random bytes. */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include "lib/types.h"

/*
 * Fill len bytes with the CPU's random numbers (rdrand; Intel SDM vol. 1, section 7.3.17). Where
 * the CPU does not have rdrand, or it fails, use numbers that are only hard to predict, derived
 * from the clock. Those are NOT fit for keys; a warning says so the first time. Context: thread.
 */
void random_fill(void *to, size_t len);

#endif
