/* SPDX-License-Identifier: MIT */
/*
 * Ticket spinlocks whose waiters sleep.
 *
 * A lock has two numbers, as a counter at a bakery has. spin_lock takes the next ticket (tail, and
 * adds one) and waits until head shows it; spin_unlock adds one to head. So CPUs get the lock in
 * the order in which they asked, and the waiters read one byte that changes once a turn.
 *
 * Order is what hurts in a virtual machine. If the hypervisor runs something else instead of the
 * CPU that holds the lock, or instead of the one whose turn is next, every other waiter spins for
 * nothing, possibly on the physical CPU that the holder needs. Hence the ops of class lock: a
 * waiter that has spun SPINS times, or sees that the owner does not run (vcpu_is_preempted), sleeps
 * in lock_wait, and the CPU that unlocks wakes the one whose turn it is by lock_kick. Natively
 * lock_wait is one pause instruction, and a kick does nothing.
 *
 * If the CPU whose turn it is sleeps, no later waiter gets the lock before that CPU has woken, and
 * it may need the physical CPU of a waiter that spins. So a later waiter then sleeps after
 * WAKE_SPINS instead of SPINS.
 *
 * A wake-up MUST NOT be lost: the waiter would sleep while it holds the turn, and all others wait
 * for it. Two counters prevent it:
 *
 *     waiter (lock_sleep)                 unlocker (lock_release)
 *     add 1 to sleepers                   add 1 to head
 *     read head; sleep if not my turn     read sleepers; kick if not 0
 *
 * Both sides write first and then read what the other writes, by instructions in one total order.
 * So the waiter sees the new head, or the unlocker sees the sleeper. A kick that arrives before the
 * sleep ends it at once, and an unnecessary one is harmless: the waiter reads head again.
 *
 * The lock has one owner field for messages and for one more service: a deadlock does not hang. A
 * waiter follows the chain "this lock's owner waits for that lock, whose owner ..." and panics with
 * the names if it leads back to itself DEADLOCK_CERTAIN times in succession (in_ring). A wait that
 * is interrupted by a handler is not part of a chain while the handler holds a lock of its own: the
 * handler does not wait, and unlocks.
 *
 * While a CPU holds a lock, its thread is neither preempted nor moved: pv_count_spinlock counts the
 * held locks in the CPU's area.
 */
#include "pv/spinlock.h"
#include "pv/callbacks.h"

enum {
    SPINS = 4096,        /* before a waiter sleeps, and between two searches for a deadlock */
    WAKE_SPINS = 256,    /* before a waiter sleeps if the one whose turn it is sleeps */
    DEADLOCK_CERTAIN = 3 /* consecutive searches that find a ring */
};

/* Written: by the benchmark and tests, while one CPU is up. */
bool spinlock_pv_wait = true;
/* Atomic: counts, added to by atomic instructions. */
struct spinlock_counts spinlock_counts;

/*
 * The lock that each CPU waits for, its ticket, the CPU's area, and the number of locks that the
 * CPU held when the wait began, this one included. An interrupt's handler that waits too saves the
 * interrupted entry and restores it. Per CPU: others read the fields one at a time, possibly of
 * different waits. That is safe, because in_ring has to find a ring several times and an
 * unnecessary kick is harmless.
 */
static struct waiting {
    struct spinlock *lock;
    const struct pv_cpu_area *area;
    u32 held;
    u8 ticket;
    bool asleep; /* in lock_wait; a hint */
} waiting[PV_CPUS_MAX];

static void preempt_disable(void)
{
    pv_count_spinlock(1);
}

/* Let the kernel switch threads now if another thread's turn came while the lock was held. */
static void preempt_enable(void)
{
    if (pv_count_spinlock(-1) && pv_save_fl() & PV_FLAG_IF)
        pv_callbacks->reschedule();
}

/*
 * Return the lock that a CPU must get before it can unlock another one, or NULL. That is the lock
 * that it waits for, unless the CPU holds more locks than when the wait began: then an interrupt's
 * handler has taken one in the middle of the wait, and unlocks it without the wait's end.
 */
static const struct spinlock *blocked_by(const struct waiting *w)
{
    const struct spinlock *const lock = READ_ONCE(w->lock);

    return lock && READ_ONCE(w->area->spinlocks) == READ_ONCE(w->held) ? lock : NULL;
}

/* Return true if the lock's owner, the owner of the lock that it waits for, ... is this CPU. */
static bool in_ring(const struct spinlock *lock)
{
    for (u32 steps = 0; lock && steps < PV_CPUS_MAX; steps++) {
        const u32 owner = READ_ONCE(lock->owner);

        if (!owner || owner == pv_this_cpu() + 1)
            return owner;
        lock = blocked_by(&waiting[owner - 1]);
    }
    return false;
}

/* Each owner in a ring waits for a lock. In the shortest ring this CPU waits for its own. */
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

static bool owner_is_preempted(const struct spinlock *lock)
{
    const u32 owner = READ_ONCE(lock->owner);

    return owner && pv_vcpu_is_preempted(owner - 1);
}

/* Return whether the waiter whose turn it is still sleeps. */
static bool turn_is_asleep(const struct spinlock *lock)
{
    const u8 head = READ_ONCE(lock->head);

    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        if (READ_ONCE(waiting[cpu].asleep) && READ_ONCE(waiting[cpu].lock) == lock &&
            READ_ONCE(waiting[cpu].ticket) == head)
            return true;
    return false;
}

/*
 * Spin until it is the ticket's turn. Return false after SPINS, if the owner does not run, or if
 * the CPU whose turn it is does not wake in the time of WAKE_SPINS: it may need this physical CPU.
 */
static bool lock_spin(const struct spinlock *lock, u8 ticket)
{
    if (owner_is_preempted(lock))
        return has_turn(lock, ticket);
    for (u32 i = 1; i < SPINS; i++) {
        if (has_turn(lock, ticket))
            return true;
        if (i % WAKE_SPINS == 0 && turn_is_asleep(lock))
            return has_turn(lock, ticket);
        __builtin_ia32_pause();
    }
    return false;
}

/* Sleep until a kick, unless it is the ticket's turn. The head of this file explains the order. */
static void lock_sleep(struct spinlock *lock, u8 ticket)
{
    const u64 flags = pv_save_fl();
    u8 head;

    pv_irq_disable();
    __atomic_fetch_add(&lock->sleepers, 1, __ATOMIC_SEQ_CST);
    head = __atomic_load_n(&lock->head, __ATOMIC_SEQ_CST);
    if (head != ticket) {
        __atomic_fetch_add(&spinlock_counts.waits, 1, __ATOMIC_RELAXED);
        WRITE_ONCE(waiting[pv_this_cpu()].asleep, true);
        pv_lock_wait(&lock->head, head);
        WRITE_ONCE(waiting[pv_this_cpu()].asleep, false);
    }
    __atomic_fetch_sub(&lock->sleepers, 1, __ATOMIC_SEQ_CST);
    pv_restore_fl(flags);
}

static __noinline void lock_wait_turn(struct spinlock *lock, u8 ticket)
{
    struct waiting *mine = &waiting[pv_this_cpu()];
    const struct waiting interrupted = *mine;
    u32 seen = 0;

    mine->area = pv_this_area();
    mine->held = mine->area->spinlocks;
    mine->ticket = ticket;
    barrier();
    WRITE_ONCE(mine->lock, lock);
    while (!lock_spin(lock, ticket)) {
        seen = in_ring(lock) ? seen + 1 : 0;
        if (seen == DEADLOCK_CERTAIN)
            report_deadlock(lock);
        if (spinlock_pv_wait && !seen) /* in a ring no CPU would send the kick */
            lock_sleep(lock, ticket);
    }
    WRITE_ONCE(mine->lock, NULL);
    barrier();
    mine->held = interrupted.held;
    mine->ticket = interrupted.ticket;
    barrier();
    WRITE_ONCE(mine->lock, interrupted.lock);
}

void spin_lock(struct spinlock *lock)
{
    u8 ticket;

    preempt_disable();
    ticket = __atomic_fetch_add(&lock->tail, 1, __ATOMIC_SEQ_CST);
    if (!has_turn(lock, ticket))
        lock_wait_turn(lock, ticket);
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

    preempt_disable();
    head = READ_ONCE(lock->head);
    free = tickets(head, head);
    taken = tickets(head, (u8)(head + 1));
    if (__atomic_compare_exchange_n(&lock->tickets, &free, taken, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_RELAXED)) {
        WRITE_ONCE(lock->owner, pv_this_cpu() + 1);
        return true;
    }
    preempt_enable();
    return false;
}

/* Wake the CPUs that wait for the lock with this ticket. */
static void kick_waiters(const struct spinlock *lock, u8 ticket)
{
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        if (READ_ONCE(waiting[cpu].lock) == lock && READ_ONCE(waiting[cpu].ticket) == ticket) {
            __atomic_fetch_add(&spinlock_counts.kicks, 1, __ATOMIC_RELAXED);
            pv_lock_kick(cpu);
        }
}

static void lock_release(struct spinlock *lock)
{
    u8 next;

    if (!spin_is_mine(lock))
        pv_panic("spin_unlock", "lock %s is unlocked by CPU %u, which does not hold it", lock->name,
                 pv_this_cpu());
    WRITE_ONCE(lock->owner, 0);
    next = (u8)(__atomic_fetch_add(&lock->head, 1, __ATOMIC_SEQ_CST) + 1);
    if (__atomic_load_n(&lock->sleepers, __ATOMIC_SEQ_CST))
        kick_waiters(lock, next);
}

void spin_unlock(struct spinlock *lock)
{
    lock_release(lock);
    preempt_enable();
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
    lock_release(lock);
    pv_restore_fl(flags);
    preempt_enable();
}
