/* See pv/spinlock.h. */
#include "pv/spinlock.h"
#include "pv/callbacks.h"

enum {
    SPINS = 4096,        /* before a waiter sleeps, and between looks for a deadlock */
    DEADLOCK_CERTAIN = 3 /* looks in a row that see the same ring */
};

/* Written: by the benchmark and tests, while one CPU is up. */
bool spinlock_pv_wait = true;
/* Atomic: counts, added to by atomic instructions. */
struct spinlock_counts spinlock_counts;

/*
 * What each CPU waits for: an interrupt's handler puts its own over it, and what was there back.
 * Per CPU: others read the words singly. in_ring believes only what it sees several times, and a
 * kick that is not wanted is harmless.
 */
static struct waiting {
    struct spinlock *lock;
    u8 ticket;
} waiting[PV_CPUS_MAX];

static void no_preemption(void)
{
    pv_count_spinlock(1);
}

/* A turn that was due meanwhile is made up for. */
static void preemption(void)
{
    if (pv_count_spinlock(-1) && pv_save_fl() & PV_FLAG_IF)
        pv_callbacks->reschedule();
}

/* Follows who waits for whom: does that lead back to this CPU? */
static bool in_ring(const struct spinlock *lock)
{
    for (u32 steps = 0; lock && steps < PV_CPUS_MAX; steps++) {
        const u32 owner = READ_ONCE(lock->owner);

        if (!owner || owner == pv_this_cpu() + 1)
            return owner;
        lock = READ_ONCE(waiting[owner - 1].lock);
    }
    return false;
}

/* In a ring each owner waits; in the shortest one it is this CPU, for the same lock. */
static void __noreturn report_deadlock(const struct spinlock *lock)
{
    const u32 owner = lock->owner - 1;
    const struct spinlock *next = waiting[owner].lock;

    pv_panic("spin_lock",
             "deadlock: CPU %u waits for lock %s, held by CPU %u, which waits for lock %s, held by "
             "CPU %u",
             pv_this_cpu(), lock->name, owner, next->name, next->owner - 1);
}

static bool has_turn(const struct spinlock *lock, u8 ticket)
{
    return __atomic_load_n(&lock->head, __ATOMIC_ACQUIRE) == ticket;
}

static bool spin(const struct spinlock *lock, u8 ticket)
{
    const u32 owner = READ_ONCE(lock->owner);

    if (owner && pv_vcpu_is_preempted(owner - 1))
        return has_turn(lock, ticket);
    for (u32 i = 0; i < SPINS; i++) {
        if (has_turn(lock, ticket))
            return true;
        __builtin_ia32_pause();
    }
    return false;
}

/*
 * sleepers is raised before the last look at head; the unlocker raises head before it looks at
 * sleepers: one of the two sees the other. A kick that comes before the wait ends it.
 */
static void sleep(struct spinlock *lock, u8 ticket)
{
    const u64 flags = pv_save_fl();
    u8 head;

    pv_irq_disable();
    __atomic_fetch_add(&lock->sleepers, 1, __ATOMIC_SEQ_CST);
    head = __atomic_load_n(&lock->head, __ATOMIC_SEQ_CST);
    if (head != ticket) {
        __atomic_fetch_add(&spinlock_counts.waits, 1, __ATOMIC_RELAXED);
        pv_lock_wait(&lock->head, head);
    }
    __atomic_fetch_sub(&lock->sleepers, 1, __ATOMIC_SEQ_CST);
    pv_restore_fl(flags);
}

static __noinline void wait_turn(struct spinlock *lock, u8 ticket)
{
    struct waiting *mine = &waiting[pv_this_cpu()];
    const struct waiting interrupted = *mine;
    u32 seen = 0;

    mine->ticket = ticket;
    barrier();
    WRITE_ONCE(mine->lock, lock);
    while (!spin(lock, ticket)) {
        seen = in_ring(lock) ? seen + 1 : 0;
        if (seen == DEADLOCK_CERTAIN)
            report_deadlock(lock);
        if (spinlock_pv_wait && !seen) /* nobody would kick a CPU in a ring */
            sleep(lock, ticket);
    }
    WRITE_ONCE(mine->lock, NULL);
    barrier();
    mine->ticket = interrupted.ticket;
    barrier();
    WRITE_ONCE(mine->lock, interrupted.lock);
}

void spin_lock(struct spinlock *lock)
{
    u8 ticket;

    no_preemption();
    ticket = __atomic_fetch_add(&lock->tail, 1, __ATOMIC_SEQ_CST);
    if (!has_turn(lock, ticket))
        wait_turn(lock, ticket);
    WRITE_ONCE(lock->owner, pv_this_cpu() + 1);
}

/* Return the value of struct spinlock's tickets with this head and tail. */
static u16 tickets(u8 head, u8 tail)
{
    return (u16)(head | tail << 8);
}

bool spin_trylock(struct spinlock *lock)
{
    u16 free, taken;
    u8 head;

    no_preemption();
    head = READ_ONCE(lock->head);
    free = tickets(head, head);
    taken = tickets(head, (u8)(head + 1));
    if (__atomic_compare_exchange_n(&lock->tickets, &free, taken, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_RELAXED)) {
        WRITE_ONCE(lock->owner, pv_this_cpu() + 1);
        return true;
    }
    preemption();
    return false;
}

static void kick_next(const struct spinlock *lock, u8 ticket)
{
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        if (READ_ONCE(waiting[cpu].lock) == lock && READ_ONCE(waiting[cpu].ticket) == ticket) {
            __atomic_fetch_add(&spinlock_counts.kicks, 1, __ATOMIC_RELAXED);
            pv_lock_kick(cpu);
        }
}

static void unlock(struct spinlock *lock)
{
    u8 next;

    if (!spin_is_mine(lock))
        pv_panic("spin_unlock", "lock %s is unlocked by CPU %u, which does not hold it", lock->name,
                 pv_this_cpu());
    WRITE_ONCE(lock->owner, 0);
    next = (u8)(__atomic_fetch_add(&lock->head, 1, __ATOMIC_SEQ_CST) + 1);
    if (__atomic_load_n(&lock->sleepers, __ATOMIC_SEQ_CST))
        kick_next(lock, next);
}

void spin_unlock(struct spinlock *lock)
{
    unlock(lock);
    preemption();
}

u64 spin_lock_irqsave(struct spinlock *lock)
{
    const u64 flags = pv_save_fl();

    pv_irq_disable();
    spin_lock(lock);
    return flags;
}

void spin_unlock_irqrestore(struct spinlock *lock, u64 flags)
{
    unlock(lock);
    pv_restore_fl(flags);
    preemption();
}
