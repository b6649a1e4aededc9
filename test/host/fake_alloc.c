/* SPDX-License-Identifier: MIT */
/* The allocator of fake_alloc.h. */
#define FAKE_ALLOC_SELF
#include "fake_alloc.h"

#include <limits.h>
#include <stdbool.h>

#define SIZE_LIMIT ((size_t)64 << 20) /* of one allocation */

unsigned long allocations_left = ULONG_MAX;

static bool may_allocate(size_t size)
{
    if (!allocations_left || size > SIZE_LIMIT)
        return false;
    allocations_left--;
    return true;
}

void *fake_malloc(size_t size)
{
    return may_allocate(size) ? malloc(size) : NULL;
}

void *fake_calloc(size_t count, size_t size)
{
    return may_allocate(count * size) ? calloc(count, size) : NULL;
}

void *fake_realloc(void *memory, size_t size)
{
    return may_allocate(size) ? realloc(memory, size) : NULL;
}
