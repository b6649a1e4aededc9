/*
 * Spinlocks: who comes first gets it first. Whoever waits for long gives its time to the platform
 * (op lock_wait), since the holder's vCPU may be the one that wants it, and is kicked by the CPU
 * that unlocks. While a CPU holds a lock its thread is neither preempted nor moved, and it MUST NOT
 * block or wait for another CPU by other means (smp_call, flush_tlb_others).
 *
 * A lock that an interrupt's handler takes too is taken by the irqsave form everywhere else.
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
    u32 owner; /* the CPU that holds it, plus one; 0: none */
    const char *name;
};

#define SPINLOCK(text) \
    { \
        .name = (text) \
    }

/* A deadlock, of a CPU with itself or in a ring of CPUs, ends in a panic that names each lock and
 * owner. */
void spin_lock(struct spinlock *lock);
bool spin_trylock(struct spinlock *lock);
void spin_unlock(struct spinlock *lock);

/* With interrupts disabled until the unlock; returns the flag as it was. */
u64 spin_lock_irqsave(struct spinlock *lock);
void spin_unlock_irqrestore(struct spinlock *lock, u64 flags);

static inline bool spin_is_mine(const struct spinlock *lock)
{
    return READ_ONCE(lock->owner) == pv_this_cpu() + 1;
}

/* For measurements: false makes a long wait a busy one. */
extern bool spinlock_pv_wait;

/* How often a waiter was put to sleep, and kicked awake, on all CPUs. */
struct spinlock_counts {
    u64 waits, kicks;
};
extern struct spinlock_counts spinlock_counts;

#endif
