/* SPDX-License-Identifier: MIT */
/* The memory of newlib's malloc: sbrk, on the one range of addresses that the kernel gives. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/services.h"

/* malloc asks for a few pages at a time; ask the kernel for this much at once. */
#define STEP ((size_t)256 << 10)

static struct {
    char *base;
    size_t used, committed, most; /* bytes */
} heap;

/* Make the first so many bytes of the heap usable, more if there is memory. */
static bool heap_grow(size_t wanted)
{
    size_t size = (wanted + STEP - 1) / STEP * STEP;

    if (wanted <= heap.committed)
        return true;
    if (size > heap.most || !libc_heap_commit(size)) {
        size = wanted;
        if (size > heap.most || !libc_heap_commit(size))
            return false;
    }
    heap.committed = size;
    return true;
}

void *sbrk(ptrdiff_t by)
{
    size_t used = heap.used + (size_t)by;

    if (!heap.base)
        heap.base = libc_heap_base(&heap.most);
    if (!heap.base || (by > 0 && used < heap.used) || (by < 0 && used > heap.used) ||
        !heap_grow(used)) {
        errno = ENOMEM;
        return (void *)-1;
    }
    heap.used = used;
    return heap.base + used - by;
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    int saved = errno;

    if (alignment % sizeof(void *) || !alignment || alignment & (alignment - 1))
        return EINVAL;
    *memory = memalign(alignment, size);
    errno = saved;
    return *memory ? 0 : ENOMEM;
}
