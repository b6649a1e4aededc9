/* SPDX-License-Identifier: MIT */
/*
 * A lock for a device's registers, with interrupts disabled. Ops that may be called by handlers of
 * interrupts use it instead of a spinlock, because the release of a spinlock may switch threads.
 */
#ifndef PV_NATIVE_RAW_LOCK_H
#define PV_NATIVE_RAW_LOCK_H

#include "pv/native/io.h"

/* Take the lock; return the interrupt flag for raw_unlock. */
static inline u64 raw_lock(bool *busy)
{
    const u64 flags = irq_save();

    while (__atomic_test_and_set(busy, __ATOMIC_ACQUIRE))
        __asm__ volatile("pause");
    return flags;
}

static inline void raw_unlock(bool *busy, u64 flags)
{
    __atomic_clear(busy, __ATOMIC_RELEASE);
    irq_restore(flags);
}

#endif
