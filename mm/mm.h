/*
 * Memory management: the way in. mm/frame.h, space.h, vmap.h and heap.h say what it offers.
 *
 * All of it may be called on several CPUs at once, by threads, with no spinlock of the caller's
 * held where it says so. It has four kinds of locks. While one is held only those that stand behind
 * it here may be taken, and no CPU waits for another's TLB:
 *
 *   areas (vmap.c)   what is mapped where between VMAP_BASE and VMAP_END, and the balloon
 *   space (space.h)  one for each space: its tables, and struct frame's used of them
 *   heap (heap.c)    the slabs, and struct frame's used, free, next and prev of them
 *   frames (frame.c) the free blocks, every frame's state and order, and the direct map's tables
 *
 * A frame's other fields belong to whoever has the frame. Whatever ends in pv_panic holds none.
 */
#ifndef MM_MM_H
#define MM_MM_H

#include "lib/boot_info.h"
#include "pv/mmu_types.h"

/*
 * Builds the kernel's own page tables, switches to them, and makes all of RAM allocatable. Returns
 * NULL, or one line that says why it cannot be. Context: once, after the op memory_map, interrupts
 * disabled.
 */
const char *mm_init(const struct boot_info *info);

/* The direct map ends here: RAM from this physical address on is not used. */
#define MM_RAM_LIMIT (VMAP_BASE - DIRECT_MAP_BASE)

/* Filled by mm_init: frames of RAM that are not used. */
extern struct mm_left_out {
    u64 far;       /* above MM_RAM_LIMIT */
    u64 scattered; /* in pieces that are not worth their bookkeeping, or that have no room for it */
} mm_left_out;

/* What the platform's page tables can do. */
extern struct pv_mmu_traits mm_traits;

/*
 * kernel_tables.c. count: how many frames there must be, in a row; build makes the tables in those
 * from first on, fills t, and keeps what is left for later. kernel_tables_open maps what was left
 * out of the direct map in [first, first + count), which begins on a boundary of level 2; context:
 * the allocator's, before it hands these frames out.
 */
u64 kernel_tables_count(const struct boot_info *info);
void kernel_tables_build(pfn_t first, struct pv_kernel_tables *t);
void kernel_tables_open(pfn_t first, u64 count);

/* Has nobody had any of the frames [start, end) before the allocator? */
bool mm_unused(u64 start, u64 end);

/* The bytes [pa, pa + len) of RAM or of firmware's tables, where the direct map has them, else
 * NULL. */
const void *phys_to_va(u64 pa, u64 len);

#endif
