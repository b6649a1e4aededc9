/*
 * What whoever runs this machine may ask of it, by callbacks (pv/callbacks.h): to be saved and to
 * go on, to end, to use more or less memory.
 */
#ifndef KERNEL_LIFECYCLE_H
#define KERNEL_LIFECYCLE_H

#include "pv/pv.h"

/* What was asked so far. */
struct lifecycle {
    u32 suspends, resumes, cancelled;
    u64 memory_target; /* bytes; 0: nobody has said */
};
extern struct lifecycle lifecycle;

void lifecycle_suspend(void);
void lifecycle_resume(bool was_cancelled);
void lifecycle_shutdown_request(enum pv_shutdown_reason reason);
void lifecycle_memory_target(u64 bytes);

#endif
