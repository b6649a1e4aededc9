/* SPDX-License-Identifier: MIT */
/*
 * Attributes of threads and of what they share (IEEE Std 1003.1-2017, pthread.h). What the port
 * does not have is refused when it is asked for: objects shared between processes, because there is
 * one process, and mutexes that change priorities, because no thread has one.
 *
 * newlib's pthread_attr_t has no member for the size of the guard. It is kept in is_initialized,
 * shifted left by one.
 */
#include <errno.h>
#include <limits.h>

#include "lib/newlib/thread.h"

#define INITIALISED 1
#define PAGE_SIZE   4096
#define GUARD_MAX   ((size_t)INT_MAX / 2)

bool is_attr(const pthread_attr_t *attr)
{
    return attr->is_initialized & INITIALISED;
}

int pthread_attr_init(pthread_attr_t *attr)
{
    *attr = (pthread_attr_t){.is_initialized = INITIALISED | PAGE_SIZE << 1,
                             .stacksize = STACK_SIZE_DEFAULT,
                             .contentionscope = PTHREAD_SCOPE_SYSTEM,
                             .inheritsched = PTHREAD_INHERIT_SCHED,
                             .schedpolicy = SCHED_OTHER,
                             .detachstate = PTHREAD_CREATE_JOINABLE};
    return 0;
}

int pthread_attr_destroy(pthread_attr_t *attr)
{
    attr->is_initialized = 0;
    return 0;
}

int pthread_attr_getstacksize(const pthread_attr_t *attr, size_t *size)
{
    *size = (size_t)attr->stacksize;
    return is_attr(attr) ? 0 : EINVAL;
}

int pthread_attr_setstacksize(pthread_attr_t *attr, size_t size)
{
    if (!is_attr(attr) || size < STACK_SIZE_MIN || size > INT_MAX / 2)
        return EINVAL;
    attr->stacksize = (int)((size + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1));
    return 0;
}

/* The port adds no guard page to a stack of the program's. */
int pthread_attr_setstack(pthread_attr_t *attr, void *stack, size_t size)
{
    if (!is_attr(attr) || size < STACK_SIZE_MIN || size > INT_MAX / 2 || size % 16 ||
        (uintptr_t)stack % 16)
        return EINVAL;
    attr->stackaddr = stack;
    attr->stacksize = (int)size;
    return 0;
}

int pthread_attr_getstack(const pthread_attr_t *attr, void **stack, size_t *size)
{
    *stack = attr->stackaddr;
    return pthread_attr_getstacksize(attr, size);
}

int pthread_attr_setguardsize(pthread_attr_t *attr, size_t size)
{
    if (!is_attr(attr) || size > GUARD_MAX)
        return EINVAL;
    attr->is_initialized = INITIALISED | (int)size << 1;
    return 0;
}

int pthread_attr_getguardsize(const pthread_attr_t *attr, size_t *size)
{
    *size = (unsigned)attr->is_initialized >> 1;
    return is_attr(attr) ? 0 : EINVAL;
}

int pthread_attr_getdetachstate(const pthread_attr_t *attr, int *state)
{
    *state = attr->detachstate;
    return is_attr(attr) ? 0 : EINVAL;
}

int pthread_attr_setdetachstate(pthread_attr_t *attr, int state)
{
    if (!is_attr(attr) || (state != PTHREAD_CREATE_DETACHED && state != PTHREAD_CREATE_JOINABLE))
        return EINVAL;
    attr->detachstate = state;
    return 0;
}

/* ---- Scheduling: the attributes are kept, and pthread_create refuses all but SCHED_OTHER -------
 */

#define PRIORITY_MAX 99 /* of SCHED_FIFO and SCHED_RR, as on Linux */

static bool is_policy(int policy)
{
    return policy == SCHED_OTHER || policy == SCHED_FIFO || policy == SCHED_RR;
}

int sched_get_priority_max(int policy)
{
    if (is_policy(policy))
        return policy == SCHED_OTHER ? 0 : PRIORITY_MAX;
    errno = EINVAL;
    return -1;
}

int sched_get_priority_min(int policy)
{
    if (is_policy(policy))
        return policy == SCHED_OTHER ? 0 : 1;
    errno = EINVAL;
    return -1;
}

int pthread_attr_setscope(pthread_attr_t *attr, int scope)
{
    if (scope == PTHREAD_SCOPE_PROCESS)
        return ENOTSUP;
    return is_attr(attr) && scope == PTHREAD_SCOPE_SYSTEM ? 0 : EINVAL;
}

int pthread_attr_getscope(const pthread_attr_t *attr, int *scope)
{
    *scope = attr->contentionscope;
    return is_attr(attr) ? 0 : EINVAL;
}

int pthread_attr_setinheritsched(pthread_attr_t *attr, int inherit)
{
    if (!is_attr(attr) || (inherit != PTHREAD_INHERIT_SCHED && inherit != PTHREAD_EXPLICIT_SCHED))
        return EINVAL;
    attr->inheritsched = inherit;
    return 0;
}

int pthread_attr_getinheritsched(const pthread_attr_t *attr, int *inherit)
{
    *inherit = attr->inheritsched;
    return is_attr(attr) ? 0 : EINVAL;
}

int pthread_attr_setschedpolicy(pthread_attr_t *attr, int policy)
{
    if (!is_attr(attr) || !is_policy(policy))
        return EINVAL;
    attr->schedpolicy = policy;
    return 0;
}

int pthread_attr_getschedpolicy(const pthread_attr_t *attr, int *policy)
{
    *policy = attr->schedpolicy;
    return is_attr(attr) ? 0 : EINVAL;
}

int pthread_attr_setschedparam(pthread_attr_t *attr, const struct sched_param *param)
{
    if (!is_attr(attr) || param->sched_priority < sched_get_priority_min(attr->schedpolicy) ||
        param->sched_priority > sched_get_priority_max(attr->schedpolicy))
        return EINVAL;
    attr->schedparam = *param;
    return 0;
}

int pthread_attr_getschedparam(const pthread_attr_t *attr, struct sched_param *param)
{
    *param = attr->schedparam;
    return is_attr(attr) ? 0 : EINVAL;
}

static bool thread_exists(pthread_t id)
{
    const bool exists = thread_get(id);

    thread_put();
    return exists;
}

int pthread_getschedparam(pthread_t id, int *policy, struct sched_param *param)
{
    *policy = SCHED_OTHER;
    *param = (struct sched_param){.sched_priority = 0};
    return thread_exists(id) ? 0 : ESRCH;
}

int pthread_setschedparam(pthread_t id, int policy, const struct sched_param *param)
{
    if (!thread_exists(id))
        return ESRCH;
    if (!is_policy(policy) || param->sched_priority < sched_get_priority_min(policy) ||
        param->sched_priority > sched_get_priority_max(policy))
        return EINVAL;
    return policy == SCHED_OTHER ? 0 : EPERM;
}

int pthread_setschedprio(pthread_t id, int priority)
{
    return pthread_setschedparam(id, SCHED_OTHER,
                                 &(struct sched_param){.sched_priority = priority});
}

/* A hint, which POSIX wants returned. Atomic. */
static int concurrency;

int pthread_setconcurrency(int level)
{
    if (level < 0)
        return EINVAL;
    __atomic_store_n(&concurrency, level, __ATOMIC_RELAXED);
    return 0;
}

int pthread_getconcurrency(void)
{
    return __atomic_load_n(&concurrency, __ATOMIC_RELAXED);
}

/* ---- Objects shared between processes ----------------------------------------------------------
 */

#define SHARED_ATTRIBUTE(type) \
    int pthread_##type##attr_setpshared(pthread_##type##attr_t *attr, int shared) \
    { \
        if (!attr->is_initialized) \
            return EINVAL; \
        if (shared == PTHREAD_PROCESS_SHARED) \
            return ENOTSUP; \
        return shared == PTHREAD_PROCESS_PRIVATE ? 0 : EINVAL; \
    } \
    int pthread_##type##attr_getpshared(const pthread_##type##attr_t *attr, int *shared) \
    { \
        *shared = PTHREAD_PROCESS_PRIVATE; \
        return attr->is_initialized ? 0 : EINVAL; \
    }

SHARED_ATTRIBUTE(mutex)
SHARED_ATTRIBUTE(cond)
SHARED_ATTRIBUTE(rwlock)
SHARED_ATTRIBUTE(barrier)

/* ---- Mutexes and priorities --------------------------------------------------------------------
 */

int pthread_mutexattr_setprotocol(pthread_mutexattr_t *attr, int protocol)
{
    if (attr->is_initialized &&
        (protocol == PTHREAD_PRIO_INHERIT || protocol == PTHREAD_PRIO_PROTECT))
        return ENOTSUP;
    return attr->is_initialized && protocol == PTHREAD_PRIO_NONE ? 0 : EINVAL;
}

int pthread_mutexattr_getprotocol(const pthread_mutexattr_t *attr, int *protocol)
{
    *protocol = PTHREAD_PRIO_NONE;
    return attr->is_initialized ? 0 : EINVAL;
}
