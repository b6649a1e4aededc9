/* SPDX-License-Identifier: MIT */
/*
 * Read the three records by which Xen reports time. Xen may write a record between any two
 * instructions of its reader, which then repeats: pv/versioned.h for the first two, which have a
 * version. This is pure code, which test/host/test_xen_time.c runs on the host with a writer that
 * interferes.
 *
 *   vcpu_time_info      system time: ns at a moment, the TSC at that moment, and the TSC's rate
 *   shared_info.wc_*    the wall clock at system time 0
 *   vcpu_runstate_info  how long a vCPU has been in each state
 */
#ifndef PV_XEN_VCPU_TIME_H
#define PV_XEN_VCPU_TIME_H

#include "lib/scale.h"
#include "pv/versioned.h"
#include "pv/xen/xen.h"
#include <xen/vcpu.h>

#define NS_PER_S 1000000000ull

/* Return the system time in ns. */
static inline u64 xen_vcpu_time_ns(const volatile struct vcpu_time_info *t)
{
    u32 version;
    u64 ns;

    do {
        version = version_read_begin(&t->version);
        ns = t->system_time +
             scale_shifted(pv_read_tsc() - t->tsc_timestamp, t->tsc_to_system_mul, t->tsc_shift);
    } while (version_read_retry(&t->version, version));
    return ns;
}

/* Return the wall clock at system time 0, in ns since 1970. */
static inline u64 xen_wallclock_base_ns(const volatile struct shared_info *s)
{
    u32 version;
    u64 ns;

    do {
        version = version_read_begin(&s->wc_version);
        ns = ((u64)s->wc_sec_hi << 32 | s->wc_sec) * NS_PER_S + s->wc_nsec;
    } while (version_read_retry(&s->wc_version, version));
    return ns;
}

/*
 * Return how long this vCPU was ready to run and did not run, in ns. Xen writes the record only
 * while the vCPU does not run. If state_entry_time is the same before and after the read, Xen did
 * not write in between, and the values belong together.
 */
static inline u64 xen_runstate_steal_ns(const volatile struct vcpu_runstate_info *r)
{
    u64 entered, ns;

    do {
        entered = r->state_entry_time;
        barrier();
        ns = r->time[RUNSTATE_runnable] + r->time[RUNSTATE_offline];
        barrier();
    } while (entered != r->state_entry_time);
    return ns;
}

#endif
