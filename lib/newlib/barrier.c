/* SPDX-License-Identifier: MIT */
/*
 * Barriers and spin locks (IEEE Std 1003.1-2017, pthread_barrier_*, pthread_spin_*). newlib defines
 * both as 32 bits. A barrier:
 *
 *     31        21 20       14 13        7 6         0
 *    +------------+-----------+-----------+-----------+
 *    | generation | leaving   | arrived   | count     |
 *    +------------+-----------+-----------+-----------+
 *
 * The last thread to arrive empties `arrived`, advances the generation and makes the others
 * leaving. They leave when they see another generation. A barrier may be destroyed as soon as one
 * thread has left, so pthread_barrier_destroy waits for the rest.
 */
#include <errno.h>
#include <limits.h>

#include "lib/newlib/thread.h"

#define COUNT_MASK 0x7fu
#define ARRIVED    0x80u
#define LEAVING    0x4000u
#define GENERATION 0x200000u

_Static_assert(THREADS_MAX <= COUNT_MASK, "arrived and leaving have as many bits as count");

#define FIELD(word, unit) ((word) / (unit)&COUNT_MASK)

int pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attr,
                         unsigned count)
{
    if (!count || (attr && !attr->is_initialized))
        return EINVAL;
    if (count > COUNT_MASK)
        return EAGAIN; /* there are never so many threads */
    *barrier = count;
    return 0;
}

int pthread_barrier_destroy(pthread_barrier_t *barrier)
{
    uint32_t word = __atomic_load_n(barrier, __ATOMIC_SEQ_CST);

    if (!(word & COUNT_MASK))
        return EINVAL;
    if (FIELD(word, ARRIVED))
        return EBUSY;
    while (FIELD(word, LEAVING)) {
        wait_uncancellable(barrier, word, UINT64_MAX);
        word = __atomic_load_n(barrier, __ATOMIC_SEQ_CST);
    }
    *barrier = 0;
    return 0;
}

/* Wait for another generation than that of word, then leave. */
static void barrier_leave(pthread_barrier_t *barrier, uint32_t word)
{
    const uint32_t generation = word / GENERATION;

    while (word / GENERATION == generation) {
        wait_uncancellable(barrier, word, UINT64_MAX);
        word = __atomic_load_n(barrier, __ATOMIC_SEQ_CST);
    }
    if (FIELD(__atomic_sub_fetch(barrier, LEAVING, __ATOMIC_SEQ_CST), LEAVING) == 0)
        libc_wake(barrier, UINT_MAX); /* pthread_barrier_destroy */
}

int pthread_barrier_wait(pthread_barrier_t *barrier)
{
    uint32_t word = __atomic_load_n(barrier, __ATOMIC_SEQ_CST), next;
    bool is_last;

    do {
        const uint32_t count = word & COUNT_MASK;

        if (!count)
            return EINVAL;
        is_last = FIELD(word, ARRIVED) + 1 == count;
        next = is_last ? word - (count - 1) * ARRIVED + (count - 1) * LEAVING + GENERATION
                       : word + ARRIVED;
    } while (!__atomic_compare_exchange_n(barrier, &word, next, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    if (!is_last) {
        barrier_leave(barrier, next);
        return 0;
    }
    libc_wake(barrier, UINT_MAX);
    return PTHREAD_BARRIER_SERIAL_THREAD;
}

int pthread_barrierattr_init(pthread_barrierattr_t *attr)
{
    *attr = (pthread_barrierattr_t){.is_initialized = 1};
    return 0;
}

int pthread_barrierattr_destroy(pthread_barrierattr_t *attr)
{
    attr->is_initialized = 0;
    return 0;
}

/* ---- Spin locks: the owner's number, or FREE --------------------------------------------------
 */

#define SPIN_FREE 0x80000000u
#define SPINS     100 /* attempts before the CPU is given to another thread, perhaps the owner */

static uint32_t my_number(void)
{
    return this_pthread()->id % THREADS_MAX + 1;
}

int pthread_spin_init(pthread_spinlock_t *lock, int shared)
{
    if (shared != PTHREAD_PROCESS_PRIVATE)
        return shared == PTHREAD_PROCESS_SHARED ? ENOTSUP : EINVAL;
    __atomic_store_n(lock, SPIN_FREE, __ATOMIC_RELEASE);
    return 0;
}

int pthread_spin_destroy(pthread_spinlock_t *lock)
{
    uint32_t was = SPIN_FREE;

    if (__atomic_compare_exchange_n(lock, &was, 0, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return 0;
    return was ? EBUSY : EINVAL;
}

int pthread_spin_trylock(pthread_spinlock_t *lock)
{
    uint32_t was = SPIN_FREE;

    if (__atomic_compare_exchange_n(lock, &was, my_number(), false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED))
        return 0;
    return was ? EBUSY : EINVAL;
}

int pthread_spin_lock(pthread_spinlock_t *lock)
{
    int error = pthread_spin_trylock(lock);

    for (unsigned spins = 1; error == EBUSY; spins++) {
        if (__atomic_load_n(lock, __ATOMIC_RELAXED) == my_number())
            return EDEADLK;
        if (spins % SPINS)
            __builtin_ia32_pause();
        else
            libc_thread_yield();
        error = pthread_spin_trylock(lock);
    }
    return error;
}

int pthread_spin_unlock(pthread_spinlock_t *lock)
{
    if (__atomic_load_n(lock, __ATOMIC_RELAXED) != my_number())
        return EPERM;
    __atomic_store_n(lock, SPIN_FREE, __ATOMIC_RELEASE);
    return 0;
}
