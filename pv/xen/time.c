/*
 * Xen's clock: system time is a linear function of the TSC whose parameters Xen keeps in the shared
 * page (xen/xen.h, struct vcpu_time_info), and the wall clock is system time plus an offset (struct
 * shared_info, wc_*). A version is odd while Xen writes: read again until it is even and unchanged.
 */
#include "pv/xen/xen.h"

#define NS_PER_S 1000000000ull

/* ticks * mul / 2^32, after shifting ticks left (or right, if negative). */
static u64 scale_ticks(u64 ticks, u32 mul, s32 shift)
{
    ticks = shift >= 0 ? ticks << shift : ticks >> -shift;
    return (u64)((unsigned __int128)ticks * mul >> 32);
}

/* Nanoseconds since Xen started. */
static u64 xen_system_time(void)
{
    const volatile struct vcpu_time_info *t = &xen_shared_info->vcpu_info[0].time;
    u32 version;
    u64 ns;

    do {
        version = t->version;
        barrier();
        ns = t->system_time +
             scale_ticks(pv_read_tsc() - t->tsc_timestamp, t->tsc_to_system_mul, t->tsc_shift);
        barrier();
    } while (version & 1 || version != t->version);
    return ns;
}

int xen_get_wallclock(u64 *ns)
{
    const volatile struct shared_info *s = xen_shared_info;
    u32 version;
    u64 offset;

    do {
        version = s->wc_version;
        barrier();
        offset = ((u64)s->wc_sec_hi << 32 | s->wc_sec) * NS_PER_S + s->wc_nsec;
        barrier();
    } while (version & 1 || version != s->wc_version);
    *ns = offset + xen_system_time();
    return 0;
}
