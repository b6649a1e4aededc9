/*
 * The heap: memory by the byte, from slabs of one frame for each size class, from the frame
 * allocator above 2 KiB, from vmalloc above 4 MiB. Memory is aligned to 16 bytes; a power of two of
 * up to 2 KiB to itself; from 4 KiB on to a page. Context: thread, no spinlock held.
 */
#ifndef MM_HEAP_H
#define MM_HEAP_H

#include "lib/types.h"

/* NULL if there is no memory, or size is 0. */
void *kmalloc(u64 size) __must_check;
void *kzalloc(u64 size) __must_check;

/* NULL is nothing to free. What kmalloc has not returned, or was freed already, ends in pv_panic.
 */
void kfree(void *p);

/* Objects of up to 2 KiB that are in use. */
u64 heap_objects(void);

#endif
