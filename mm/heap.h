/* SPDX-License-Identifier: MIT */
/*
 * The heap: memory of any size in bytes.
 *
 * Up to 2 KiB it comes from slabs of one frame for each size class, up to 4 MiB from the frame
 * allocator, above that from vmalloc. Memory is aligned to 16 bytes; a power of two of up to 2 KiB
 * to its own size; from 4 KiB on to a page. Context: thread, no spinlock held.
 */
#ifndef MM_HEAP_H
#define MM_HEAP_H

#include "lib/types.h"

/* Allocate size bytes (kzalloc: filled with zeros). Return NULL without memory, or if size is 0. */
void *kmalloc(u64 size) __must_check;
void *kzalloc(u64 size) __must_check;

/* Free what kmalloc returned; NULL is accepted. Panic if p is anything else, or already freed. */
void kfree(void *p);

/* Return how many objects of up to 2 KiB are in use. */
u64 heap_objects(void);

#endif
