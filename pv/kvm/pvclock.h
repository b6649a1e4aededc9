/* SPDX-License-Identifier: MIT */
/*
 * Read the records by which KVM reports time; pv/versioned.h explains why a reader may repeat. This
 * is pure code, which test/host/test_kvm.c runs on the host with a writer that interferes.
 */
#ifndef PV_KVM_PVCLOCK_H
#define PV_KVM_PVCLOCK_H

#include "lib/scale.h"
#include "pv/kvm/abi.h"
#include "pv/versioned.h"

#define PVCLOCK_NS_PER_S 1000000000ull

/* Return the system time in ns; *flags: of the record. read_tsc: not before an earlier load. */
static inline u64 pvclock_ns(const volatile struct pvclock_time *t, u64 (*read_tsc)(void),
                             u8 *flags)
{
    u32 version;
    u64 ns;

    do {
        version = version_read_begin(&t->version);
        ns = t->system_time + scale_shifted(read_tsc() - t->tsc_timestamp, t->mul, t->shift);
        *flags = t->flags;
    } while (version_read_retry(&t->version, version));
    return ns;
}

/* Return the wall clock at system time 0, in ns since 1970. */
static inline u64 pvclock_wall_ns(const volatile struct pvclock_wall *w)
{
    u32 version;
    u64 ns;

    do {
        version = version_read_begin(&w->version);
        ns = w->sec * PVCLOCK_NS_PER_S + w->nsec;
    } while (version_read_retry(&w->version, version));
    return ns;
}

static inline u64 pvclock_steal_ns(const volatile struct kvm_steal_time *s)
{
    u32 version;
    u64 ns;

    do {
        version = version_read_begin(&s->version);
        ns = s->steal;
    } while (version_read_retry(&s->version, version));
    return ns;
}

/* Return the TSC's rate in kHz by a record; 0 if the record has none. */
static inline u64 pvclock_tsc_khz(const volatile struct pvclock_time *t)
{
    const u64 khz = t->mul ? (1000000ull << 32) / t->mul : 0;

    if (t->shift <= -32 || t->shift >= 32)
        return 0;
    return t->shift < 0 ? khz << -t->shift : khz >> t->shift;
}

#endif
