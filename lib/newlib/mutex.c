/* SPDX-License-Identifier: MIT */
/*
 * Mutexes, condition variables and once (IEEE Std 1003.1-2017, pthread.h).
 *
 * newlib defines pthread_mutex_t as 32 bits, so a mutex is one word:
 *
 *     31   28 27                    9   8    7          0
 *    +-------+-----------------------+----+-------------+
 *    | kind  | depth: how often the  | W  | owner: its  |
 *    |       | owner has it, minus 1 |    | number, or 0|
 *    +-------+-----------------------+----+-------------+
 *      W: WAITED_FOR, a thread may be waiting
 *
 * kind is POSIX's type plus 10, so that a word which is not an initialised mutex is noticed:
 * EINVAL.
 *
 * The fast path is one compare-and-exchange of the word. A thread that finds an owner sets W and
 * sleeps in libc_wait on the word as it then is, so it does not miss a change in between. The owner
 * clears the word when it unlocks, and wakes one waiter if W was set. A thread that has waited
 * takes the mutex with W set, because it does not know of other waiters; at worst the next unlock
 * wakes no thread.
 *
 * A condition variable is a count of signals. pthread_cond_wait reads it while the caller holds the
 * mutex, unlocks, and sleeps while the count is unchanged, so a signal in between is not lost.
 */
#define _GNU_SOURCE /* newlib declares the newest functions only then */

#include <errno.h>
#include <limits.h>
#include <time.h>

#include "lib/newlib/thread.h"

#define NS_PER_S 1000000000u

/* The owner is a thread's index in the table of threads plus one; 0 for no owner. */
#define OWNER_MASK  0xffu
#define WAITED_FOR  0x100u
#define DEPTH_ONE   0x200u /* a recursive mutex is locked once more by its owner */
#define DEPTH_MASK  (0x7ffffu * DEPTH_ONE)
#define KIND(kind)  ((0xau + (uint32_t)(kind)) << 28)
#define KIND_MASK   0xf0000000u
#define STATIC_INIT _PTHREAD_MUTEX_INITIALIZER

static uint32_t my_number(void)
{
    return this_pthread()->id % THREADS_MAX + 1;
}

/* Return the word, after replacing that of PTHREAD_MUTEX_INITIALIZER by one of the form above. */
static uint32_t mutex_load(pthread_mutex_t *mutex)
{
    uint32_t word = STATIC_INIT;

    if (__atomic_compare_exchange_n(mutex, &word, KIND(PTHREAD_MUTEX_DEFAULT), false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return KIND(PTHREAD_MUTEX_DEFAULT);
    return word;
}

static bool is_mutex(uint32_t word)
{
    return word >= KIND(PTHREAD_MUTEX_NORMAL) && word < KIND(PTHREAD_MUTEX_DEFAULT + 1);
}

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
    if (attr && !attr->is_initialized)
        return EINVAL;
    *mutex = KIND(attr ? attr->type : PTHREAD_MUTEX_DEFAULT);
    return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    const uint32_t word = mutex_load(mutex);

    if (!is_mutex(word))
        return EINVAL;
    if (word & OWNER_MASK)
        return EBUSY;
    *mutex = 0;
    return 0;
}

/*
 * Lock a mutex that the caller owns. For a normal one POSIX demands a deadlock; end the program
 * with a message instead of a silent hang.
 */
static int mutex_relock(pthread_mutex_t *mutex, uint32_t word, bool try)
{
    const uint32_t kind = word & KIND_MASK;

    if (kind == KIND(PTHREAD_MUTEX_RECURSIVE)) {
        if ((word & DEPTH_MASK) == DEPTH_MASK)
            return EAGAIN;
        __atomic_add_fetch(mutex, DEPTH_ONE, __ATOMIC_RELAXED);
        return 0;
    }
    if (try)
        return EBUSY;
    if (kind == KIND(PTHREAD_MUTEX_NORMAL))
        libc_killed("a deadlock: a thread waits for a mutex that it holds itself");
    return EDEADLK;
}

/* Lock until the deadline, in terms of libc_clock_ns; 0 to only try, UINT64_MAX for no deadline. */
static int mutex_acquire(pthread_mutex_t *mutex, uint64_t deadline)
{
    uint32_t word = mutex_load(mutex), waited = 0;

    for (;;) {
        if (!is_mutex(word))
            return EINVAL;
        if ((word & OWNER_MASK) == my_number())
            return mutex_relock(mutex, word, !deadline);
        if (!(word & OWNER_MASK)) {
            if (__atomic_compare_exchange_n(mutex, &word, word | my_number() | waited, false,
                                            __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
                return 0;
            continue;
        }
        if (!deadline)
            return EBUSY;
        if (!(word & WAITED_FOR) &&
            !__atomic_compare_exchange_n(mutex, &word, word | WAITED_FOR, false, __ATOMIC_RELAXED,
                                         __ATOMIC_RELAXED))
            continue;
        waited = WAITED_FOR; /* there may be other waiters */
        if (!wait_uncancellable(mutex, word | WAITED_FOR, deadline))
            return ETIMEDOUT;
        word = __atomic_load_n(mutex, __ATOMIC_RELAXED);
    }
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    return mutex_acquire(mutex, UINT64_MAX);
}

int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    return mutex_acquire(mutex, 0);
}

bool deadline_of(clockid_t clock, const struct timespec *time, uint64_t *deadline)
{
    const uint64_t base = clock == CLOCK_REALTIME ? libc_wallclock_ns() : libc_clock_ns();
    /* Read after the other clock, so that a delay in between makes the wait longer. */
    const uint64_t now = clock == CLOCK_REALTIME ? libc_clock_ns() : base;
    uint64_t ns = 0;

    if (time->tv_nsec < 0 || time->tv_nsec >= NS_PER_S)
        return false;
    if (time->tv_sec >= 0 && (__builtin_mul_overflow((uint64_t)time->tv_sec, NS_PER_S, &ns) ||
                              __builtin_add_overflow(ns, (uint64_t)time->tv_nsec, &ns)))
        ns = UINT64_MAX;
    ns = ns > base ? ns - base : 0;
    *deadline = ns < UINT64_MAX - 1 - now ? now + ns : UINT64_MAX - 1;
    return true;
}

int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *time)
{
    uint64_t deadline;
    int error = pthread_mutex_trylock(mutex);

    if (error != EBUSY)
        return error;
    return deadline_of(clock, time, &deadline) ? mutex_acquire(mutex, deadline) : EINVAL;
}

int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *time)
{
    return pthread_mutex_clocklock(mutex, CLOCK_REALTIME, time);
}

int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    uint32_t word = mutex_load(mutex);

    if (!is_mutex(word))
        return EINVAL;
    if ((word & OWNER_MASK) != my_number())
        return EPERM;
    if (word & DEPTH_MASK) {
        __atomic_sub_fetch(mutex, DEPTH_ONE, __ATOMIC_RELAXED);
        return 0;
    }
    word = __atomic_exchange_n(mutex, word & KIND_MASK, __ATOMIC_RELEASE);
    if (word & WAITED_FOR)
        libc_wake(mutex, 1);
    return 0;
}

int pthread_mutexattr_init(pthread_mutexattr_t *attr)
{
    *attr = (pthread_mutexattr_t){.is_initialized = 1, .type = PTHREAD_MUTEX_DEFAULT};
    return 0;
}

int pthread_mutexattr_destroy(pthread_mutexattr_t *attr)
{
    if (!attr || !attr->is_initialized)
        return EINVAL;
    attr->is_initialized = 0;
    return 0;
}

int pthread_mutexattr_gettype(const pthread_mutexattr_t *attr, int *kind)
{
    *kind = attr->type;
    return attr->is_initialized ? 0 : EINVAL;
}

int pthread_mutexattr_settype(pthread_mutexattr_t *attr, int kind)
{
    if (!attr->is_initialized || kind < PTHREAD_MUTEX_NORMAL || kind > PTHREAD_MUTEX_DEFAULT)
        return EINVAL;
    attr->type = kind;
    return 0;
}

/* ---- Condition variables: a count of signals, in steps of two, and the clock ---------------- */

#define COND_REALTIME 1u /* set in PTHREAD_COND_INITIALIZER too */

int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr)
{
    if (attr && !attr->is_initialized)
        return EINVAL;
    *cond = !attr || attr->clock == CLOCK_REALTIME ? COND_REALTIME : 0;
    return 0;
}

int pthread_cond_destroy(pthread_cond_t *cond)
{
    (void)cond;
    return 0;
}

/* Unlock, wait for a signal after this moment, lock. A cancellation point. */
static int cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline)
{
    const uint32_t before = __atomic_load_n(cond, __ATOMIC_SEQ_CST);
    int error = pthread_mutex_unlock(mutex);
    bool in_time;

    if (error)
        return error;
    in_time = wait_cancellable(cond, before, deadline);
    error = pthread_mutex_lock(mutex);
    if (is_cancelled())
        pthread_cond_signal(cond); /* pass on the signal that may have woken this thread */
    pthread_testcancel();
    return error ? error : in_time ? 0 : ETIMEDOUT;
}

int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    return cond_wait_until(cond, mutex, UINT64_MAX);
}

int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
                           const struct timespec *time)
{
    uint64_t deadline;

    return deadline_of(clock, time, &deadline) ? cond_wait_until(cond, mutex, deadline) : EINVAL;
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                           const struct timespec *time)
{
    const clockid_t clock = *cond & COND_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;

    return pthread_cond_clockwait(cond, mutex, clock, time);
}

int pthread_cond_signal(pthread_cond_t *cond)
{
    __atomic_add_fetch(cond, 2, __ATOMIC_SEQ_CST);
    libc_wake(cond, 1);
    return 0;
}

int pthread_cond_broadcast(pthread_cond_t *cond)
{
    __atomic_add_fetch(cond, 2, __ATOMIC_SEQ_CST);
    libc_wake(cond, UINT_MAX);
    return 0;
}

int pthread_condattr_init(pthread_condattr_t *attr)
{
    *attr = (pthread_condattr_t){.is_initialized = 1, .clock = CLOCK_REALTIME};
    return 0;
}

int pthread_condattr_destroy(pthread_condattr_t *attr)
{
    if (!attr || !attr->is_initialized)
        return EINVAL;
    attr->is_initialized = 0;
    return 0;
}

int pthread_condattr_getclock(const pthread_condattr_t *attr, clockid_t *clock)
{
    *clock = (clockid_t)attr->clock;
    return 0;
}

int pthread_condattr_setclock(pthread_condattr_t *attr, clockid_t clock)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return EINVAL;
    attr->clock = clock;
    return 0;
}

/* ---- Once ------------------------------------------------------------------------------------ */

enum { ONCE_NEW, ONCE_RUNNING, ONCE_DONE };

static void once_set(uint32_t *state, uint32_t value)
{
    __atomic_store_n(state, value, __ATOMIC_SEQ_CST);
    libc_wake(state, UINT_MAX);
}

/* The routine was cancelled: the next thread runs it again. */
static void once_undo(void *state)
{
    once_set(state, ONCE_NEW);
}

int pthread_once(pthread_once_t *once, void (*routine)(void))
{
    uint32_t *state = (uint32_t *)&once->init_executed, was;

    if (!once->is_initialized)
        return EINVAL;
    for (;;) {
        was = ONCE_NEW;
        if (__atomic_compare_exchange_n(state, &was, ONCE_RUNNING, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            break;
        if (was == ONCE_DONE)
            return 0;
        wait_uncancellable(state, ONCE_RUNNING, UINT64_MAX);
    }
    pthread_cleanup_push(once_undo, state);
    routine();
    pthread_cleanup_pop(0);
    once_set(state, ONCE_DONE);
    return 0;
}
