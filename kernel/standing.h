/* SPDX-License-Identifier: MIT */
/*
 * Standing requests: the host wants the machine in some state, such as a set of CPUs or an amount
 * of memory, and a thread of the kernel gets it there, as far and as soon as the kernel can
 * (kernel/standing.c). The host may change its mind at any time; only the last request counts.
 */
#ifndef KERNEL_STANDING_H
#define KERNEL_STANDING_H

#include "kernel/thread.h"

struct standing_request {
    char name[THREAD_NAME_MAX]; /* of the thread */
    /*
     * Do what is possible now. Return false if something is left to do: apply is then called again
     * after STANDING_RETRY_NS, or at once if the request changes. Context: thread, bound to CPU 0.
     */
    bool (*apply)(void);
    struct wait_queue queue; /* the thread waits here for changed */
    bool changed, started;
};

#define STANDING_RETRY_NS NS_PER_S

#define STANDING_REQUEST(thread_name, fn) \
    { \
        .name = thread_name, .apply = fn, .queue = {.lock = SPINLOCK(thread_name) } \
    }

/*
 * Have apply called in the request's thread, which the first call starts. Return 0, or -ENOMEM with
 * nothing done if there are too many threads. Context: thread, no spinlock held.
 */
int standing_request_changed(struct standing_request *request);

#endif
