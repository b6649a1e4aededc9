/* SPDX-License-Identifier: MIT */
/*
 * Suspend, and the callbacks by which the host asks for something.
 *
 * machine_suspend does its work in a thread bound to CPU 0, where the op suspend has to be called:
 *
 *   1. The hooks of the drivers, while everything still works.
 *   2. All other CPUs go offline with their bound threads in their queues, so that the only state
 *      that a toolstack has to save is memory and CPU 0.
 *   3. The op suspend, with interrupts disabled, while all page tables are announced.
 *   4. The same CPUs start again, as at boot, and the hooks are called again.
 *
 * An error in 2 or 3 leads to 4 as well.
 */
#include "kernel/lifecycle.h"
#include "kernel/console.h"
#include "kernel/hotplug.h"
#include "kernel/irq.h"
#include "kernel/smp.h"
#include "mm/space.h"

extern const struct suspend_hook _suspend_hooks_start[], _suspend_hooks_end[];

/* Written: by callbacks on CPU 0, the only CPU that is up during a suspend. */
struct lifecycle lifecycle;

/* Take the other CPUs offline that are not, and add each to *down. Return 0 or an error. */
static int take_others_down(u64 *down)
{
    for (u32 cpu = 1; cpu < PV_CPUS_MAX; cpu++) {
        const bool was_online = smp_is_online(cpu);
        const int error = was_online ? smp_down_keeping_threads(cpu) : 0;

        if (error) {
            log_warn("suspend: CPU %u does not go offline: error %d", cpu, error);
            return error;
        }
        if (was_online)
            *down |= 1ull << cpu;
    }
    return 0;
}

static void bring_back(u64 set)
{
    for (; set; set &= set - 1) {
        const u32 cpu = (u32)__builtin_ctzll(set);
        const int error = smp_up(cpu);

        if (error)
            log_warn("suspend: CPU %u does not start again: error %d; its threads stop", cpu,
                     error);
    }
}

static int suspend_alone(void)
{
    const u64 flags = pv_irq_save();
    int result = mm_suspend_begin();

    if (!result) {
        result = pv_suspend();
        mm_suspend_end();
    }
    pv_restore_fl(flags);
    return result;
}

static int suspend_this_machine(void)
{
    u64 down = 0;
    int result;

    mutex_lock(&cpu_mutex);
    result = take_others_down(&down);
    if (!result)
        result = suspend_alone();
    bring_back(down);
    mutex_unlock(&cpu_mutex);
    return result;
}

/* The body of the thread; result is an int. */
static void suspend_run(void *result)
{
    const struct suspend_hook *h;
    int *const r = result;

    for (h = _suspend_hooks_start; h < _suspend_hooks_end; h++)
        h->before();
    *r = suspend_this_machine();
    while (h-- > _suspend_hooks_start)
        h->after(*r != 0);
}

int machine_suspend(void)
{
    int result = 0;
    struct thread *t = thread_start("suspend", 0, suspend_run, &result);

    if (!t)
        return -ENOMEM;
    thread_join(t);
    return result;
}

void lifecycle_suspend(void)
{
    lifecycle.suspends++;
}

/* All timers are this CPU's here. Arm its hardware again, which a restore has stopped. */
void lifecycle_resume(bool was_cancelled)
{
    lifecycle.resumes++;
    lifecycle.cancelled += was_cancelled;
    if (!was_cancelled)
        irq_forget_lines();
    timer_fire_due();
}

/* The kernel keeps nothing that would be lost, so it obeys at once. */
void lifecycle_shutdown_request(enum pv_shutdown_reason reason)
{
    log_info("shutdown requested");
    smp_stop_others();
    pv_shutdown(reason, 0);
}
