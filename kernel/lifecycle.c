/* See kernel/lifecycle.h. */
#include "kernel/lifecycle.h"
#include "kernel/console.h"

/* Written: by callbacks on CPU 0, the only CPU that is up during a suspend. */
struct lifecycle lifecycle;

void lifecycle_suspend(void)
{
    lifecycle.suspends++;
}

void lifecycle_resume(bool was_cancelled)
{
    lifecycle.resumes++;
    lifecycle.cancelled += was_cancelled;
}

/* There is nothing yet that would have to be put away first. */
void lifecycle_shutdown_request(enum pv_shutdown_reason reason)
{
    log_info("asked to shut down");
    pv_shutdown(reason, 0);
}

void lifecycle_memory_target(u64 bytes)
{
    lifecycle.memory_target = bytes;
    log_info("asked to use %llu KiB of memory", (unsigned long long)(bytes >> 10));
}
