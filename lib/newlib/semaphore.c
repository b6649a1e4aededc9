/* SPDX-License-Identifier: MIT */
/*
 * Semaphores (IEEE Std 1003.1-2017, semaphore.h): a value, on which waiters sleep while it
 * is 0, and how many threads may be sleeping. Unlike pthread.h, these functions set errno.
 */
#include <errno.h>
#include <limits.h>
#include <semaphore.h>

#include "lib/newlib/thread.h"

#define INITIALISED 0x73656d21u /* "sem!" */

static int fail(int error)
{
    errno = error;
    return -1;
}

static bool is_semaphore(const sem_t *sem)
{
    return sem && sem->__initialised == INITIALISED;
}

int sem_init(sem_t *sem, int shared, unsigned value)
{
    if (value > SEM_VALUE_MAX)
        return fail(EINVAL);
    if (shared)
        return fail(ENOSYS); /* there is one process */
    *sem = (sem_t){.__value = value, .__initialised = INITIALISED};
    return 0;
}

int sem_destroy(sem_t *sem)
{
    if (!is_semaphore(sem))
        return fail(EINVAL);
    if (__atomic_load_n(&sem->__waiters, __ATOMIC_SEQ_CST))
        return fail(EBUSY);
    sem->__initialised = 0;
    return 0;
}

static bool sem_take(sem_t *sem)
{
    unsigned value = __atomic_load_n(&sem->__value, __ATOMIC_SEQ_CST);

    while (value && !__atomic_compare_exchange_n(&sem->__value, &value, value - 1, false,
                                                 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        continue;
    return value != 0;
}

int sem_trywait(sem_t *sem)
{
    if (!is_semaphore(sem))
        return fail(EINVAL);
    return sem_take(sem) ? 0 : fail(EAGAIN);
}

/*
 * Wait until the deadline, in terms of libc_clock_ns, or until a handler of a signal without
 * SA_RESTART has run. A cancellation point.
 */
static int sem_wait_until(sem_t *sem, uint64_t deadline)
{
    const struct pthread *t = this_pthread();
    const uint32_t before = t->interrupting;
    bool in_time = true, taken = false;

    __atomic_add_fetch(&sem->__waiters, 1, __ATOMIC_SEQ_CST);
    while (!is_cancelled() && !(taken = sem_take(sem)) && in_time && t->interrupting == before)
        in_time = wait_cancellable(&sem->__value, 0, deadline);
    __atomic_sub_fetch(&sem->__waiters, 1, __ATOMIC_SEQ_CST);
    if (taken)
        return 0;
    if (is_cancelled())
        libc_wake(&sem->__value, 1); /* pass on what may have woken this thread */
    pthread_testcancel();
    return fail(in_time ? EINTR : ETIMEDOUT);
}

int sem_wait(sem_t *sem)
{
    return is_semaphore(sem) ? sem_wait_until(sem, UINT64_MAX) : fail(EINVAL);
}

int sem_clockwait(sem_t *restrict sem, clockid_t clock, const struct timespec *restrict time)
{
    uint64_t deadline;

    if (!is_semaphore(sem))
        return fail(EINVAL);
    if (sem_take(sem))
        return 0;
    return deadline_of(clock, time, &deadline) ? sem_wait_until(sem, deadline) : fail(EINVAL);
}

int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict time)
{
    return sem_clockwait(sem, CLOCK_REALTIME, time);
}

int sem_post(sem_t *sem)
{
    unsigned value;

    if (!is_semaphore(sem))
        return fail(EINVAL);
    value = __atomic_load_n(&sem->__value, __ATOMIC_SEQ_CST);
    do {
        if (value == SEM_VALUE_MAX)
            return fail(EOVERFLOW);
    } while (!__atomic_compare_exchange_n(&sem->__value, &value, value + 1, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    libc_wake(&sem->__value, 1);
    return 0;
}

int sem_getvalue(sem_t *restrict sem, int *restrict value)
{
    if (!is_semaphore(sem))
        return fail(EINVAL);
    *value = (int)__atomic_load_n(&sem->__value, __ATOMIC_SEQ_CST);
    return 0;
}
