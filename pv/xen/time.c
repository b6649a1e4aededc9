/* SPDX-License-Identifier: MIT */
/*
 * Time on Xen. System time, in ns since Xen started, is a linear function of the TSC; Xen keeps its
 * parameters in each vCPU's vcpu_info. The wall clock is system time plus an offset in shared_info
 * (wc_*). Xen writes both while the guest runs: vcpu_time.h reads them. The timer is one hypercall
 * that sets a deadline in system time, and VIRQ_TIMER, an event channel.
 */
#include "lib/string.h"
#include "pv/wallclock.h"
#include "pv/xen/events.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/vcpu_time.h"

static u64 last_ns; /* Atomic: monotonic() exchanges it */
/*
 * What clock_ns adds to Xen's system time, modulo 2^64: 0 in the domain that booted, so that a
 * restore on a host with another uptime does not show. Written: after a restore, while one CPU is
 * up.
 */
static u64 clock_offset;
/* Steal time in earlier domains. Written: as clock_offset. */
static u64 earlier_steal[PV_CPUS_MAX];
/* Per CPU: Xen writes a vCPU's record when it switches the vCPU in or out. */
static struct vcpu_runstate_info runstates[PV_CPUS_MAX];

/*
 * Return the ns since Xen started. Interrupts are disabled in between: a thread that migrated after
 * it read one CPU's parameters would apply them to another CPU's TSC, which may have another
 * origin.
 */
static inline u64 system_time_ns(void)
{
    const u64 flags = pv_irq_save(), ns = xen_vcpu_time_ns(&xen_vcpu_info()->time);

    pv_restore_fl(flags);
    return ns;
}

/*
 * Aligned, so that its rdtsc is not at the end of a page, where Xen's emulation of it for a PVH
 * guest costs nearly twice as much (docs/facts.md).
 */
__typeof__(xen_clock_ns) xen_clock_ns __aligned(64);

/* Never return less than before, because the clocks of two vCPUs may differ a little. */
u64 xen_clock_ns(void)
{
    return monotonic(&last_ns, system_time_ns() + clock_offset);
}

void xen_restore_clock(void)
{
    clock_offset = last_ns - system_time_ns();
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        earlier_steal[cpu] += xen_runstate_steal_ns(&runstates[cpu]);
    memset(runstates, 0, sizeof(runstates));
}

int xen_get_wallclock(u64 *ns)
{
    *ns = xen_wallclock_base_ns(xen_shared_info) + xen_clock_ns() - clock_offset;
    return 0;
}

/* XENPF_settime64 takes the time of day together with the system time at which it holds. */
int xen_set_wallclock(u64 ns)
{
    const u64 now = xen_clock_ns() - clock_offset;
    struct xen_platform_op op = {
        .cmd = XENPF_settime64,
        .interface_version = XENPF_INTERFACE_VERSION,
        .u.settime64 = {.secs = ns / NS_PER_S, .nsecs = ns % NS_PER_S, .system_time = now},
    };

    if (!wallclock_valid(ns))
        return -EINVAL;
    return xen_platform_op(&op) ? -EPERM : 0;
}

/* Call a VCPUOP of the timer, which Xen accepts for the calling vCPU only. */
static long timer_op(unsigned int cmd, const void *arg)
{
    return xen_vcpu_op(cmd, pv_this_cpu(), arg);
}

void xen_timer_stop(void)
{
    timer_op(VCPUOP_stop_singleshot_timer, NULL);
}

/* Stop the periodic timer too, with which Xen starts PV guests. */
void xen_setup_clock(void)
{
    struct vcpu_register_runstate_memory_area area = {.addr.v = &runstates[pv_this_cpu()]};
    const u32 port = xen_own_port(PORT_TIMER);

    timer_op(VCPUOP_stop_periodic_timer, NULL);
    xen_timer_stop();
    timer_op(VCPUOP_register_runstate_memory_area, &area);
    if (port)
        evtchn_unmask(port);
}

const char *xen_time_init(void)
{
    xen_setup_clock();
    return xen_own_port(PORT_TIMER) ? NULL
                                    : "Xen refuses an event channel for the timer (VIRQ_TIMER)";
}

const char *xen_clock_source(void)
{
    return "Xen's system time, TSC scaled as vcpu_info says";
}

/* The most that a deadline may be ahead: 73 years, which no sum with a system time overflows. */
#define TIMER_MOST_NS (1ull << 61)

/*
 * VCPU_SSHOTTMR_future asks Xen to refuse a deadline that has passed. Xen may ignore the flag
 * (xen/vcpu.h), and 4.17 does, so compare with the clock first. A deadline that passes after the
 * comparison raises the timer's event at once.
 */
int xen_timer_set(u64 deadline)
{
    const u64 now = xen_clock_ns();
    struct vcpu_set_singleshot_timer timer = {
        .timeout_abs_ns = now - clock_offset + MIN(deadline - now, TIMER_MOST_NS),
        .flags = VCPU_SSHOTTMR_future,
    };

    if (deadline > now && !timer_op(VCPUOP_set_singleshot_timer, &timer))
        return 0;
    xen_timer_stop();
    return -ETIME;
}

bool xen_vcpu_is_runnable(u32 cpu)
{
    return READ_ONCE(runstates[cpu].state) == RUNSTATE_runnable;
}

u64 xen_steal_ns(void)
{
    const u32 cpu = pv_this_cpu();

    return earlier_steal[cpu] + xen_runstate_steal_ns(&runstates[cpu]);
}

const struct pv_time_ops xen_time_ops = {
    .time_init = xen_time_init,
    .clock_ns = xen_clock_ns,
    .clock_source = xen_clock_source,
    .timer_set = xen_timer_set,
    .timer_stop = xen_timer_stop,
    .steal_ns = xen_steal_ns,
    .get_wallclock = xen_get_wallclock,
    .set_wallclock = xen_set_wallclock,
};
