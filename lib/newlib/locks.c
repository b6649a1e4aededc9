/* SPDX-License-Identifier: MIT */
/*
 * The locks that newlib uses itself (--enable-newlib-retargetable-locking; sys/lock.h). newlib
 * wants all of these functions or none. It has plain and recursive locks; here all are recursive.
 * While a thread holds one, handlers of signals do not interrupt it (signals.c).
 */
#include <stdlib.h>
#include <sys/lock.h>

#include "lib/newlib/thread.h"

struct __lock __lock___sinit_recursive_mutex;
struct __lock __lock___sfp_recursive_mutex;
struct __lock __lock___atexit_recursive_mutex;
struct __lock __lock___at_quick_exit_mutex;
struct __lock __lock___malloc_recursive_mutex;
struct __lock __lock___env_recursive_mutex;
struct __lock __lock___tz_mutex;
struct __lock __lock___dd_hash_mutex;
struct __lock __lock___arc4random_mutex;

/* The lock of all those for which there was no memory, because creating one must not fail. */
static struct __lock shared;

void __retarget_lock_init(_LOCK_T *lock)
{
    *lock = calloc(1, sizeof(**lock));
    if (!*lock)
        *lock = &shared;
}

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
    __retarget_lock_init(lock);
}

void __retarget_lock_close(_LOCK_T lock)
{
    if (lock != &shared)
        free(lock);
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
    __retarget_lock_close(lock);
}

/*
 * malloc and free take one for each call, so the way without contention is short, and what newlib
 * calls by two names is one function.
 */

/* Take the lock if it is free. Return whether it was. */
static bool lock_try(_LOCK_T lock)
{
    uint32_t free = 0;

    if (!threads_started)
        return lock->state ? false : (lock->state = 1);
    return __atomic_compare_exchange_n(&lock->state, &free, 1, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

/*
 * Return whether the calling thread holds the lock. The answer cannot become wrong, because only
 * this thread makes itself the owner or not.
 */
static bool lock_is_mine(_LOCK_T lock)
{
    return __atomic_load_n(&lock->owner, __ATOMIC_RELAXED) == this_pthread()->id;
}

static int lock_own(_LOCK_T lock)
{
    __atomic_store_n(&lock->owner, this_pthread()->id, __ATOMIC_RELAXED);
    lock->depth = 1;
    return 1;
}

__attribute__((noinline)) static void lock_wait(_LOCK_T lock)
{
    while (__atomic_exchange_n(&lock->state, 2, __ATOMIC_ACQUIRE))
        libc_wait(&lock->state, 2, UINT64_MAX);
}

void __retarget_lock_acquire(_LOCK_T lock)
{
    if (lock_is_mine(lock)) {
        lock->depth++;
        return;
    }
    this_pthread()->hold++; /* before the lock is taken: a handler in between may want it, too */
    if (!lock_try(lock))
        lock_wait(lock);
    lock_own(lock);
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
    __attribute__((alias("__retarget_lock_acquire")));

int __retarget_lock_try_acquire(_LOCK_T lock)
{
    if (lock_is_mine(lock))
        return (int)++lock->depth;
    this_pthread()->hold++;
    if (lock_try(lock))
        return lock_own(lock);
    thread_unhold(this_pthread());
    return 0;
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
    return __retarget_lock_try_acquire(lock);
}

void __retarget_lock_release(_LOCK_T lock)
{
    if (--lock->depth)
        return;
    __atomic_store_n(&lock->owner, 0, __ATOMIC_RELAXED);
    if (!threads_started)
        lock->state = 0;
    else if (__atomic_exchange_n(&lock->state, 0, __ATOMIC_RELEASE) == 2)
        libc_wake(&lock->state, 1);
    thread_unhold(this_pthread());
}

void __retarget_lock_release_recursive(_LOCK_T lock)
    __attribute__((alias("__retarget_lock_release")));

/* Take malloc's lock. malloc.S calls both functions, once there were two threads. */
void malloc_lock_shared(void);
void malloc_lock_shared(void)
{
    __retarget_lock_acquire(&__lock___malloc_recursive_mutex);
}

void malloc_unlock_shared(void);
void malloc_unlock_shared(void)
{
    __retarget_lock_release(&__lock___malloc_recursive_mutex);
}
