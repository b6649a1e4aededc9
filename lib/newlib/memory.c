/* Where newlib's malloc gets its memory. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/services.h"

/* What malloc wants is a little at a time; the kernel is asked for more at once. */
#define STEP ((size_t)256 << 10)

static struct {
    char *base;
    size_t used, committed, most; /* bytes */
} heap;

static bool grow(size_t wanted)
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
    if (!heap.base || (by > 0 && used < heap.used) || (by < 0 && used > heap.used) || !grow(used)) {
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
