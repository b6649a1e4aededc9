/*
 * Compute Xen's system time from the record that Xen keeps for each vCPU (xen/xen.h, struct
 * vcpu_time_info): the time in ns at one moment, the TSC at that moment, and the TSC's rate. This
 * is pure code, which test/host/test_xen_time.c runs on the host with a writer that interferes.
 */
#ifndef PV_XEN_VCPU_TIME_H
#define PV_XEN_VCPU_TIME_H

#include "lib/scale.h"
#include "pv/xen/xen.h"

/* Shift ticks left (right if shift is negative), then multiply by mul / 2^32. */
static inline u64 xen_scale_ticks(u64 ticks, u32 mul, s32 shift)
{
    return scale32(shift >= 0 ? ticks << shift : ticks >> -shift, mul);
}

/*
 * Return the system time in ns. Xen makes the version odd while it writes the record, and it leaves
 * a new even version. Read the record again until its version was even and the same before and
 * after.
 */
static inline u64 xen_vcpu_time_ns(const volatile struct vcpu_time_info *t)
{
    u32 version;
    u64 ns;

    do {
        version = t->version;
        barrier();
        ns = t->system_time +
             xen_scale_ticks(pv_read_tsc() - t->tsc_timestamp, t->tsc_to_system_mul, t->tsc_shift);
        barrier();
    } while (version & 1 || version != t->version);
    return ns;
}

#endif
