/* SPDX-License-Identifier: MIT */
/* A limit for a wait in a wait queue (kernel/thread.h), for waits that depend on another domain. */
#ifndef DRIVERS_DEADLINE_H
#define DRIVERS_DEADLINE_H

#include "kernel/thread.h"

/* passed is set, and the queue woken, with the queue's lock held. */
struct deadline {
    struct timer timer;
    struct wait_queue *queue;
    u64 left; /* ns, beyond the part that the timer measures now */
    u64 part; /* ns that one timer measures at most */
    bool passed, stopped;
};

/*
 * Begin: passed will be set in ns nanoseconds, of which a time that the machine does not run counts
 * as 100 ms at most. The caller does not hold the queue's lock.
 */
void deadline_start(struct deadline *d, struct wait_queue *queue, u64 ns);

/*
 * Begin likewise, but count all time that passes. The wait is for what may never happen, such as a
 * frame, so the CPU should not wake up in between.
 */
void deadline_start_plain(struct deadline *d, struct wait_queue *queue, u64 ns);

/* End. d may be reused or leave the stack. The caller does not hold the queue's lock. */
void deadline_stop(struct deadline *d);

#endif
