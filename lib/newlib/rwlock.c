/* SPDX-License-Identifier: MIT */
/*
 * Read-write locks (IEEE Std 1003.1-2017, pthread_rwlock_*). newlib defines pthread_rwlock_t as 32
 * bits:
 *
 *     31   28   27   26                      8 7            0
 *    +-------+----+-----------------------+-----------------+
 *    |  TAG  | W  | readers               | the writer's    |
 *    |       |    |                       | number, or 0    |
 *    +-------+----+-----------------------+-----------------+
 *      TAG: an initialised lock; any other word is EINVAL
 *      W:   WAITED_FOR, a thread may be waiting
 *
 * A reader enters while no writer holds the lock, also while writers wait for it, so a thread may
 * lock it for reading twice. Who makes the lock free clears W and wakes all waiters.
 */
#define _GNU_SOURCE /* newlib declares the newest functions only then */

#include <errno.h>
#include <limits.h>

#include "lib/newlib/thread.h"

#define WRITER_MASK 0xffu
#define READER      0x100u
#define READER_MASK (0x7ffffu * READER)
#define WAITED_FOR  0x08000000u
#define TAG         0x50000000u
#define TAG_MASK    0xf0000000u
#define STATIC_INIT _PTHREAD_RWLOCK_INITIALIZER

static uint32_t my_number(void)
{
    return this_pthread()->id % THREADS_MAX + 1;
}

static bool change(uint32_t *word, uint32_t *was, uint32_t value)
{
    return __atomic_compare_exchange_n(word, was, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Return the word, after replacing that of PTHREAD_RWLOCK_INITIALIZER by one of the form above. */
static uint32_t rwlock_load(pthread_rwlock_t *lock)
{
    uint32_t word = STATIC_INIT;

    return change(lock, &word, TAG) ? TAG : word;
}

int pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attr)
{
    if (attr && !attr->is_initialized)
        return EINVAL;
    *lock = TAG;
    return 0;
}

int pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
    const uint32_t word = rwlock_load(lock);

    if ((word & TAG_MASK) != TAG)
        return EINVAL;
    if (word & (WRITER_MASK | READER_MASK))
        return EBUSY;
    *lock = 0;
    return 0;
}

/* Return the word with the lock held by the caller, or 0 if the caller has to wait. */
static uint32_t held_by_me(uint32_t word, bool writing)
{
    if (word & WRITER_MASK || (writing && word & READER_MASK))
        return 0;
    return writing ? word | my_number() : word + READER;
}

/* Lock until the deadline, in terms of libc_clock_ns; 0 to only try, UINT64_MAX for no deadline. */
static int rwlock_acquire(pthread_rwlock_t *lock, bool writing, uint64_t deadline)
{
    uint32_t word = rwlock_load(lock), wanted;

    for (;;) {
        if ((word & TAG_MASK) != TAG)
            return EINVAL;
        if (!writing && (word & READER_MASK) == READER_MASK)
            return EAGAIN;
        wanted = held_by_me(word, writing);
        if (wanted && change(lock, &word, wanted))
            return 0;
        if (wanted)
            continue;
        if (!deadline)
            return EBUSY;
        if ((word & WRITER_MASK) == my_number())
            return EDEADLK;
        if (!(word & WAITED_FOR) && !change(lock, &word, word | WAITED_FOR))
            continue;
        if (!wait_uncancellable(lock, word | WAITED_FOR, deadline))
            return ETIMEDOUT;
        word = __atomic_load_n(lock, __ATOMIC_SEQ_CST);
    }
}

/* A lock that is free is locked whatever the deadline, even one that is not a time. */
static int rwlock_acquire_by(pthread_rwlock_t *lock, bool writing, clockid_t clock,
                             const struct timespec *time)
{
    uint64_t deadline;
    const int error = rwlock_acquire(lock, writing, 0);

    if (error != EBUSY)
        return error;
    return deadline_of(clock, time, &deadline) ? rwlock_acquire(lock, writing, deadline) : EINVAL;
}

int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    return rwlock_acquire(lock, false, UINT64_MAX);
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
    return rwlock_acquire(lock, false, 0);
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *time)
{
    return rwlock_acquire_by(lock, false, CLOCK_REALTIME, time);
}

int pthread_rwlock_clockrdlock(pthread_rwlock_t *lock, clockid_t clock, const struct timespec *time)
{
    return rwlock_acquire_by(lock, false, clock, time);
}

int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    return rwlock_acquire(lock, true, UINT64_MAX);
}

int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
    return rwlock_acquire(lock, true, 0);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *time)
{
    return rwlock_acquire_by(lock, true, CLOCK_REALTIME, time);
}

int pthread_rwlock_clockwrlock(pthread_rwlock_t *lock, clockid_t clock, const struct timespec *time)
{
    return rwlock_acquire_by(lock, true, clock, time);
}

int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
    uint32_t word = rwlock_load(lock), left;

    do {
        if ((word & TAG_MASK) != TAG)
            return EINVAL;
        if (!(word & READER_MASK) && (word & WRITER_MASK) != my_number())
            return EPERM;
        left = word & READER_MASK ? word - READER : word & ~WRITER_MASK;
        if (!(left & READER_MASK))
            left = TAG;
    } while (!change(lock, &word, left));
    if (left == TAG && word & WAITED_FOR)
        libc_wake(lock, UINT_MAX);
    return 0;
}

int pthread_rwlockattr_init(pthread_rwlockattr_t *attr)
{
    *attr = (pthread_rwlockattr_t){.is_initialized = 1};
    return 0;
}

int pthread_rwlockattr_destroy(pthread_rwlockattr_t *attr)
{
    attr->is_initialized = 0;
    return 0;
}
