/* SPDX-License-Identifier: MIT */
/*
 * How much memory this machine has: the host asks for an amount, and the kernel gives frames to the
 * hypervisor, or takes them back, until it has that amount (kernel/balloon.c).
 */
#ifndef KERNEL_BALLOON_H
#define KERNEL_BALLOON_H

#include "lib/types.h"

/*
 * Have the machine use this many pages of RAM in all, those of the kernel's image included, from
 * now on. A thread of the kernel changes the amount as far as it can, also while memory is in use,
 * and continues when more becomes possible. The last target counts. Return 0; -ENODEV if the
 * platform has no balloon; -EINVAL if pages is more than the machine may ever have: the target is
 * then that most; -ENOMEM if the thread cannot start. Context: thread, no spinlock held.
 */
int balloon_set_target(u64 pages);

/* In pages. error is 0 when the target is reached; see balloon.c for the others. */
struct balloon_state {
    u64 target, now, most;
    int error;
};
void balloon_get_state(struct balloon_state *state);

/* The frames that stay free when memory is given to the hypervisor. */
u64 balloon_reserve(void);

#endif
