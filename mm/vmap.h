/*
 * Kernel mappings made at run time, between VMAP_BASE and VMAP_END: each has an unmapped page below
 * and above it, so that running over an end is a page fault. Context: thread, no spinlock held.
 */
#ifndef MM_VMAP_H
#define MM_VMAP_H

#include "pv/mmu_types.h"

/* New frames, wherever they lie, in a row: memory of any size, and stacks. NULL without memory. */
void *vmalloc(u64 size) __must_check;

/* Frames of the caller's in a row, with mm_map's prot. NULL as above. */
void *vmap(const pfn_t *frames, u64 count, u32 prot) __must_check;

/* Ends either; vmalloc's frames are freed. What neither of them returned ends in pv_panic.
 */
void vfree(void *p);

/* Gives free frames to the hypervisor, and takes back: return how many, or -ENODEV without a
 * balloon. */
s64 mm_balloon_give(u64 count);
s64 mm_balloon_take(u64 count);

#endif
