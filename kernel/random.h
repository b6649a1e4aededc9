/* Random bytes. */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include "lib/types.h"

/*
 * Fills with the CPU's random numbers (rdrand; Intel SDM vol. 1, section 7.3.17). Where the CPU has
 * none, or it fails, with numbers that are only hard to foresee: a mix of clock readings. Those are
 * NOT fit for keys; the first time, a warning says so. Context: thread.
 */
void random_fill(void *to, size_t len);

#endif
