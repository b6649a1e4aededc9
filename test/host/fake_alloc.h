/* SPDX-License-Identifier: MIT */
/*
 * Included ahead of subjects whose memory may run out: their malloc is libc's, until
 * allocations_left of them have been made.
 */
#ifndef TEST_HOST_FAKE_ALLOC_H
#define TEST_HOST_FAKE_ALLOC_H

#include <stdlib.h>

extern unsigned long allocations_left;

void *fake_malloc(size_t size);
void *fake_calloc(size_t count, size_t size);
void *fake_realloc(void *memory, size_t size);

#ifndef FAKE_ALLOC_SELF
#define malloc(size)          fake_malloc(size)
#define calloc(count, size)   fake_calloc(count, size)
#define realloc(memory, size) fake_realloc(memory, size)
#endif

#endif
