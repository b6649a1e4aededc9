/* SPDX-License-Identifier: MIT */
/*
 * Memory management: how it starts, and what its files share. What it offers is in frame.h
 * (frames), space.h (address spaces, mappings), vmap.h and heap.h (kernel memory), and balloon.h.
 *
 * Its functions may be called by threads on several CPUs at once, with no spinlock held where their
 * header says so. There are six kinds of locks, in this order: while one is held, only those below
 * it may be taken, and no CPU waits for another's TLB.
 *
 *   areas (vmap.c)       which addresses from VMAP_BASE on are in use
 *   balloon (balloon.c)  the frames that the hypervisor has
 *   space (space.h)      one for each space: its tables, and struct frame's used of them
 *   plain (space.c)      the list of the spaces that are not live
 *   heap (heap.c)        the slabs, and struct frame's used, free, next and prev of them
 *   frames (frame.c)     the free blocks, every frame's state and order, the direct map's tables
 *
 * A frame's other fields belong to the frame's owner. No lock is held when pv_panic is called.
 */
#ifndef MM_MM_H
#define MM_MM_H

#include "lib/boot_info.h"
#include "pv/mmu_types.h"

/*
 * Build the kernel's own page tables, switch to them, and make all of RAM allocatable. Return NULL,
 * or one line of error text. Context: once, after the op memory_map, interrupts disabled.
 */
const char *mm_init(const struct boot_info *info);

/* The end of the direct map, as a physical address: RAM from here on is not used. */
#define MM_RAM_LIMIT (VMAP_BASE - DIRECT_MAP_BASE)

/* Filled by mm_init: how many frames of RAM are not used. */
extern struct mm_left_out {
    u64 far;       /* above MM_RAM_LIMIT */
    u64 scattered; /* in pieces smaller than their bookkeeping, or beyond the most that fit it */
} mm_left_out;

/* Written by mm_init: how many frames of RAM there are, with memory or without (mm/balloon.h). */
extern u64 mm_ram_frames;

/* What the platform's page tables can do. */
extern struct pv_mmu_traits mm_traits;

/*
 * kernel_tables.c. Return how many contiguous frames the kernel's tables take, deferred ones too;
 * build the tables in the frames from first on, and fill *t.
 */
u64 kernel_tables_count(const struct boot_info *info);
void kernel_tables_build(pfn_t first, struct pv_kernel_tables *t);

/*
 * kernel_tables.c. Map the parts of the frames [first, first + count) that were left out of the
 * direct map. first is on a boundary of level 2. Context: called by frame.c, under its lock, before
 * it hands these frames out.
 */
void kernel_tables_open(pfn_t first, u64 count);

/* Return whether the frames [start, end) were unused when the allocator started. */
bool mm_unused(u64 start, u64 end);

/*
 * Return the address of the bytes [pa, pa + len) of RAM or of firmware's tables in the direct map,
 * or NULL if it does not map all of them.
 */
const void *phys_to_va(u64 pa, u64 len);

#endif
