/* SPDX-License-Identifier: MIT */
/*
 * Kernel mappings made at run time, between VMAP_BASE and REPRO_AREA_BASE. Each has an unmapped
 * page below and above it, so that an access beyond either end is a page fault.
 *
 * Context: thread, no spinlock held.
 */
#ifndef MM_VMAP_H
#define MM_VMAP_H

#include "pv/mmu_types.h"

/*
 * Map new frames, which need not be contiguous, at contiguous addresses: memory of any size, and
 * stacks. size is in bytes. Return NULL without memory or addresses, or if size is 0.
 */
void *vmalloc(u64 size) __must_check;

/* Map count frames of the caller's at contiguous addresses, with mm_map's prot. NULL as above. */
void *vmap(const pfn_t *frames, u64 count, u32 prot) __must_check;

/* Unmap what either returned, and free vmalloc's frames. Panic if neither returned p; accept NULL.
 */
void vfree(void *p);

#endif
