/* SPDX-License-Identifier: MIT */
/* Suspend, and what the host asks of this machine by callbacks (kernel/lifecycle.c). */
#ifndef KERNEL_LIFECYCLE_H
#define KERNEL_LIFECYCLE_H

#include "pv/callbacks.h"

/*
 * Suspend the machine so that it can be saved, and return when it runs again. The other CPUs are
 * offline in the meantime; threads keep their CPUs.
 *
 * Return 0 after a restore: the machine may be on another host, the host's time has passed, which
 * clock_ns does not show, and no interrupt line is bound. Return 1 if the suspend was cancelled:
 * nothing has changed. Else the error of the op suspend, or -ETIME if a CPU does not go offline, or
 * -ENOMEM without a thread to do it in. Context: thread, interrupts enabled, no spinlock held.
 */
int machine_suspend(void);

/*
 * What a driver does around a suspend. before is called when all CPUs are still up: finish or stop
 * what another domain has been asked, because no answer arrives after a restore. after is called
 * when all CPUs are up again, also if the suspend failed, which counts as cancelled: after a
 * restore bind lines and connect again. Hooks are called in the order of their names, after in the
 * reverse order. Context: thread, bound to CPU 0, interrupts enabled.
 */
struct suspend_hook {
    void (*before)(void);
    void (*after)(bool cancelled);
};

#define SUSPEND_HOOK(ident, before, after) \
    static const struct suspend_hook suspend_hook_##ident __used __section( \
        ".suspend_hooks." #ident) __aligned(8) = {before, after}

/* Counted by the callbacks suspend and resume (pv/callbacks.h). */
struct lifecycle {
    u32 suspends, resumes, cancelled;
};
extern struct lifecycle lifecycle;

void lifecycle_suspend(void);
void lifecycle_resume(bool was_cancelled);
void lifecycle_shutdown_request(enum pv_shutdown_reason reason);
void lifecycle_memory_target(u64 bytes);

#endif
