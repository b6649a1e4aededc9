/* SPDX-License-Identifier: MIT */
/*
 * Spinlocks. CPUs get a lock in the order in which they ask for it. A CPU that waits for long gives
 * its time to the hypervisor (op lock_wait), because the holder's vCPU may need it. spinlock.c
 * explains how.
 *
 * While a CPU holds a lock its thread is neither preempted nor moved, and it MUST NOT block or wait
 * for another CPU by other means (smp_call, flush_tlb_others).
 *
 * A lock that a handler of interrupts takes, too, is taken by spin_lock_irqsave everywhere else.
 */
#ifndef PV_SPINLOCK_H
#define PV_SPINLOCK_H

#include "pv/pv.h"

struct spinlock {
    union {
        struct {
            u8 head; /* the ticket that holds the lock; equal to tail if the lock is free */
            u8 tail; /* the next ticket to give out */
        };
        u16 tickets; /* both, for spin_trylock: head is the low byte */
    };
    u8 sleepers; /* how many CPUs wait in lock_wait */
    u8 reserved;
    u32 owner; /* the number of the CPU that holds it, plus one; 0 if the lock is free */
    const char *name;
};

#define SPINLOCK(text) \
    { \
        .name = (text) \
    }

/* A deadlock, of one CPU or of several in a ring, panics and names the locks and their owners. */
void spin_lock(struct spinlock *lock);
bool spin_trylock(struct spinlock *lock);
void spin_unlock(struct spinlock *lock);

/* Disable interrupts, take the lock, and return the interrupt flag for spin_unlock_irqrestore. */
u64 spin_lock_irqsave(struct spinlock *lock);
void spin_unlock_irqrestore(struct spinlock *lock, u64 flags);

static inline bool spin_is_mine(const struct spinlock *lock)
{
    return READ_ONCE(lock->owner) == pv_this_cpu() + 1;
}

/* For measurements: if false, waiters spin and never sleep. */
extern bool spinlock_pv_wait;

/* How often waiters have slept, and were kicked, on all CPUs. */
struct spinlock_counts {
    u64 waits, kicks;
};
extern struct spinlock_counts spinlock_counts;

#endif
