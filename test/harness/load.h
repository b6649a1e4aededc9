/* SPDX-License-Identifier: MIT */
/*
 * A load for tests that change the machine under running threads: on each CPU one bound thread, and
 * as many free ones, that allocate frames, fill and check them, sleep, and count their rounds.
 */
#ifndef TEST_HARNESS_LOAD_H
#define TEST_HARNESS_LOAD_H

#include "test/harness/cpus.h"

/* Start the threads; bound: those that are bound to a CPU too. Return false if one cannot start. */
bool load_start(bool bound);

/* Wait until each thread has ended another round. Return false if one does not within 20 s. */
bool load_continues(void);

/* End the threads. Return how many frames held something else than was written to them. */
u64 load_stop(void);

/* Return the number in run=NAME:NUMBER, or other without one; end the run if it is not a number. */
u32 payload_number(const char *name, u32 other);

#endif
