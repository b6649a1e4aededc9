/* SPDX-License-Identifier: MIT */
/*
 * The balloon: frames that this kernel gives to the hypervisor, and takes back.
 *
 * A given frame keeps its pfn and stays allocated (FRAME_BALLOON), so the allocator does not hand
 * it out, but it has no memory until it is taken back. Context: thread, no spinlock held.
 */
#ifndef MM_BALLOON_H
#define MM_BALLOON_H

#include "lib/types.h"

struct frame_range;

/*
 * Note the absent ones of these ranges, which stay, as given. They have no memory yet, so the
 * hypervisor need not be asked. Context: mm_init, once.
 */
void mm_balloon_init(struct frame_range *ram, u32 nr_ram);

/*
 * Give up to count free frames to the hypervisor, or take up to count of them back. Return how many
 * were given or taken: fewer if no frame is free, or if the hypervisor refuses. mm_balloon_give
 * returns the op's error (balloon_adjust), such as -ENODEV without a balloon, if the first frame
 * was refused.
 */
s64 mm_balloon_give(u64 count);
s64 mm_balloon_take(u64 count);

/* Return whether the platform has a balloon. */
bool mm_balloon_exists(void);

/* Return how many frames of RAM have memory, and how many there are: in use, free, or given. */
u64 mm_balloon_pages(void);
u64 mm_balloon_most(void);

#endif
