/* SPDX-License-Identifier: MIT */
/* Read-write locks, barriers, spin locks and semaphores of a program's threads. */
#include "test/harness/test.h"
#include "test/libc/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#define ROUNDS 200

/* Counted in the critical section of the lock under test. Atomic. */
static unsigned readers, writers, intrusions;
static unsigned written; /* guarded by the lock under test */

static void enter(unsigned *count, unsigned alone)
{
    const unsigned now = __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);

    if (alone)
        intrusions += now != 1 || __atomic_load_n(&readers, __ATOMIC_SEQ_CST);
    else if (__atomic_load_n(&writers, __ATOMIC_SEQ_CST))
        __atomic_add_fetch(&intrusions, 1, __ATOMIC_SEQ_CST);
}

static void leave(unsigned *count)
{
    __atomic_sub_fetch(count, 1, __ATOMIC_SEQ_CST);
}

static void *read_and_write(void *lock)
{
    for (int i = 0; i < ROUNDS; i++) {
        const bool writing = i % 4 == 0;

        if (writing ? pthread_rwlock_wrlock(lock) : pthread_rwlock_rdlock(lock))
            return (void *)1;
        enter(writing ? &writers : &readers, writing);
        written += writing;
        if (i % 16 == 0)
            sched_yield();
        leave(writing ? &writers : &readers);
        if (pthread_rwlock_unlock(lock))
            return (void *)1;
    }
    return NULL;
}

static void *use_rwlock(void *argument)
{
    static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

    (void)argument;
    return read_and_write(&lock);
}

TEST(libc_locks, a_writer_excludes_all_others)
{
    readers = writers = intrusions = written = 0;
    EXPECT_EQ(run_all(use_rwlock), 0);
    EXPECT_EQ(intrusions, 0);
    EXPECT_EQ(written, THREADS * ROUNDS / 4);
}

/* What a thread that does not hold the lock gets: bits 0 and 1, whether it may read, write. */
static void *try_both(void *lock)
{
    uintptr_t got = 0;

    if (!pthread_rwlock_tryrdlock(lock))
        got |= 1 | (uintptr_t)pthread_rwlock_unlock(lock) << 8;
    if (!pthread_rwlock_trywrlock(lock))
        got |= 2 | (uintptr_t)pthread_rwlock_unlock(lock) << 8;
    return (void *)got;
}

static uintptr_t in_thread(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    void *result = (void *)~0ul;

    if (EXPECT_EQ(pthread_create(&thread, NULL, run, argument), 0))
        EXPECT_EQ(pthread_join(thread, &result), 0);
    return (uintptr_t)result;
}

static void *unlock_of_others(void *lock)
{
    return (void *)(uintptr_t)pthread_rwlock_unlock(lock);
}

TEST(libc_locks, a_rwlock_admits_readers_together_and_a_writer_alone)
{
    struct timespec past = {.tv_sec = 1}, wrong = {.tv_nsec = 1000000000};
    pthread_rwlock_t lock, none = 0;

    EXPECT_EQ(pthread_rwlock_init(&lock, NULL), 0);
    EXPECT_EQ(pthread_rwlock_timedwrlock(&lock, &wrong), 0); /* free: the time is not read */
    EXPECT_EQ(pthread_rwlock_unlock(&lock), 0);
    EXPECT_EQ(in_thread(try_both, &lock), 3);
    EXPECT_EQ(pthread_rwlock_rdlock(&lock), 0);
    EXPECT_EQ(pthread_rwlock_rdlock(&lock), 0);
    EXPECT_EQ(in_thread(try_both, &lock), 1);
    EXPECT_EQ(pthread_rwlock_trywrlock(&lock), EBUSY);
    EXPECT_EQ(pthread_rwlock_timedwrlock(&lock, &past), ETIMEDOUT);
    EXPECT_EQ(pthread_rwlock_timedwrlock(&lock, &wrong), EINVAL);
    EXPECT_EQ(pthread_rwlock_destroy(&lock), EBUSY);
    EXPECT_EQ(pthread_rwlock_unlock(&lock), 0);
    EXPECT_EQ(in_thread(try_both, &lock), 1);
    EXPECT_EQ(pthread_rwlock_unlock(&lock), 0);
    EXPECT_EQ(pthread_rwlock_unlock(&lock), EPERM);
    EXPECT_EQ(pthread_rwlock_wrlock(&lock), 0);
    EXPECT_EQ(in_thread(try_both, &lock), 0);
    EXPECT_EQ(in_thread(unlock_of_others, &lock), EPERM);
    EXPECT_EQ(pthread_rwlock_wrlock(&lock), EDEADLK);
    EXPECT_EQ(pthread_rwlock_rdlock(&lock), EDEADLK);
    EXPECT_EQ(pthread_rwlock_timedrdlock(&lock, &past), EDEADLK);
    EXPECT_EQ(pthread_rwlock_unlock(&lock), 0);
    EXPECT_EQ(pthread_rwlock_destroy(&lock), 0);
    EXPECT_EQ(pthread_rwlock_rdlock(&lock), EINVAL);
    EXPECT_EQ(pthread_rwlock_unlock(&none), EINVAL);
}

/* ---- Barriers ---------------------------------------------------------------------------------
 */

#define MEETINGS 50 /* fewer than ROUNDS: all threads sleep and wake in each */

static pthread_barrier_t barrier;
static unsigned arrived[MEETINGS], serial, early;

/* No thread may leave round i before all have arrived in it. */
static void *meet(void *argument)
{
    for (int i = 0; i < MEETINGS; i++) {
        int result;

        __atomic_add_fetch(&arrived[i], 1, __ATOMIC_SEQ_CST);
        result = pthread_barrier_wait(&barrier);
        if (__atomic_load_n(&arrived[i], __ATOMIC_SEQ_CST) != THREADS)
            __atomic_add_fetch(&early, 1, __ATOMIC_SEQ_CST);
        if (result == PTHREAD_BARRIER_SERIAL_THREAD)
            __atomic_add_fetch(&serial, 1, __ATOMIC_SEQ_CST);
        else if (result)
            return (void *)1;
    }
    (void)argument;
    return NULL;
}

TEST(libc_locks, a_barrier_opens_when_all_have_arrived)
{
    serial = early = 0;
    for (int i = 0; i < MEETINGS; i++)
        arrived[i] = 0;
    EXPECT_EQ(pthread_barrier_init(&barrier, NULL, 0), EINVAL);
    REQUIRE(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
    EXPECT_EQ(run_all(meet), 0);
    EXPECT_EQ(serial, MEETINGS);
    EXPECT_EQ(early, 0);
    EXPECT_EQ(pthread_barrier_destroy(&barrier), 0);
    EXPECT_EQ(pthread_barrier_wait(&barrier), EINVAL);
}

/* Each round has a barrier of its own, which the serial thread destroys and fills at once. */
static void *meet_and_destroy(void *argument)
{
    static pthread_barrier_t barriers[2];
    static unsigned ready;

    if (!argument) {
        pthread_barrier_init(&barriers[0], NULL, THREADS);
        pthread_barrier_init(&barriers[1], NULL, THREADS);
        __atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
    }
    while (!__atomic_load_n(&ready, __ATOMIC_SEQ_CST))
        sched_yield();
    for (int i = 0; i < MEETINGS; i++) {
        pthread_barrier_t *b = &barriers[i % 2];

        if (pthread_barrier_wait(b) != PTHREAD_BARRIER_SERIAL_THREAD)
            continue;
        if (pthread_barrier_destroy(b) || pthread_barrier_init(b, NULL, THREADS))
            return (void *)1;
    }
    return NULL;
}

TEST(libc_locks, a_barrier_may_be_destroyed_when_the_first_thread_has_left)
{
    EXPECT_EQ(run_all(meet_and_destroy), 0);
}

/* ---- Spin locks -------------------------------------------------------------------------------
 */

static pthread_spinlock_t spin;

static void *count_with_spin(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (pthread_spin_lock(&spin))
            return (void *)1;
        enter(&writers, true);
        written++;
        if (i % 64 == 0)
            sched_yield();
        leave(&writers);
        if (pthread_spin_unlock(&spin))
            return (void *)1;
    }
    (void)argument;
    return NULL;
}

static void *try_spin(void *lock)
{
    const int locked = pthread_spin_trylock(lock);

    return (void *)(uintptr_t)(locked ? locked : pthread_spin_unlock(lock));
}

TEST(libc_locks, a_spin_lock_has_one_owner)
{
    readers = writers = intrusions = written = 0;
    EXPECT_EQ(pthread_spin_init(&spin, PTHREAD_PROCESS_SHARED), ENOTSUP);
    REQUIRE(pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE) == 0);
    EXPECT_EQ(run_all(count_with_spin), 0);
    EXPECT_EQ(intrusions, 0);
    EXPECT_EQ(written, THREADS * ROUNDS);
    EXPECT_EQ(in_thread(try_spin, (void *)(uintptr_t)&spin), 0);
    EXPECT_EQ(pthread_spin_lock(&spin), 0);
    EXPECT_EQ(in_thread(try_spin, (void *)(uintptr_t)&spin), EBUSY);
    EXPECT_EQ(pthread_spin_lock(&spin), EDEADLK);
    EXPECT_EQ(pthread_spin_destroy(&spin), EBUSY);
    EXPECT_EQ(pthread_spin_unlock(&spin), 0);
    EXPECT_EQ(pthread_spin_unlock(&spin), EPERM);
    EXPECT_EQ(pthread_spin_destroy(&spin), 0);
    EXPECT_EQ(pthread_spin_lock(&spin), EINVAL);
}

/* ---- Semaphores -------------------------------------------------------------------------------
 */

static sem_t slots, filled;
static unsigned taken;

/* Half of the threads post what the other half waits for, through two places. */
static void *pass_on(void *side)
{
    for (int i = 0; i < ROUNDS; i++) {
        sem_t *from = (uintptr_t)side % 2 ? &filled : &slots;

        if (sem_wait(from) || sem_post(from == &filled ? &slots : &filled))
            return (void *)1;
        if (from == &filled)
            __atomic_add_fetch(&taken, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

TEST(libc_locks, a_semaphore_counts)
{
    int value = -1;

    taken = 0;
    REQUIRE(sem_init(&slots, 0, 2) == 0 && sem_init(&filled, 0, 0) == 0);
    EXPECT_EQ(run_all(pass_on), 0);
    EXPECT_EQ(taken, THREADS / 2 * ROUNDS);
    EXPECT(!sem_getvalue(&slots, &value) && value == 2);
    EXPECT(!sem_getvalue(&filled, &value) && value == 0);
}

static bool fails_with(int result, int error)
{
    return result == -1 && errno == error;
}

TEST(libc_locks, semaphores_refuse_what_posix_refuses)
{
    struct timespec past = {.tv_sec = 1}, soon = in_ms(CLOCK_MONOTONIC, 5);
    struct timespec wrong = {.tv_nsec = 1000000000};
    sem_t sem, none = {0};

    EXPECT(fails_with(sem_init(&sem, 0, SEM_VALUE_MAX + 1u), EINVAL));
    EXPECT(fails_with(sem_init(&sem, 1, 0), ENOSYS));
    EXPECT(fails_with(sem_wait(&none), EINVAL));
    REQUIRE(sem_init(&sem, 0, 1) == 0);
    EXPECT_EQ(sem_timedwait(&sem, &wrong), 0); /* free: the time is not read */
    EXPECT(fails_with(sem_trywait(&sem), EAGAIN));
    EXPECT(fails_with(sem_timedwait(&sem, &past), ETIMEDOUT));
    EXPECT(fails_with(sem_timedwait(&sem, &wrong), EINVAL));
    EXPECT(fails_with(sem_clockwait(&sem, CLOCK_MONOTONIC, &soon), ETIMEDOUT));
    EXPECT(is_over(&soon));
    EXPECT_EQ(sem_destroy(&sem), 0);
    REQUIRE(sem_init(&sem, 0, SEM_VALUE_MAX) == 0);
    EXPECT(fails_with(sem_post(&sem), EOVERFLOW));
}

TEST(libc_locks, semaphores_are_found_by_name)
{
    sem_t *const made = sem_open("/one", O_CREAT | O_EXCL, 0600, 2), *found, *other;
    char long_name[300];

    REQUIRE(made != SEM_FAILED);
    found = sem_open("/one", 0);
    EXPECT(found == made && sem_trywait(found) == 0 && sem_trywait(made) == 0);
    EXPECT(fails_with(sem_trywait(found), EAGAIN));
    EXPECT(sem_open("/one", O_CREAT | O_EXCL, 0600, 2) == SEM_FAILED && errno == EEXIST);
    EXPECT(sem_open("/one", O_CREAT, 0600, 7) == made); /* as it is */
    EXPECT(sem_open("/two", 0) == SEM_FAILED && errno == ENOENT);
    EXPECT(sem_open("/two", O_CREAT, 0600, SEM_VALUE_MAX + 1u) == SEM_FAILED && errno == EINVAL);
    EXPECT(sem_open("/a/b", O_CREAT, 0600, 1) == SEM_FAILED && errno == EINVAL);
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = 0;
    EXPECT(sem_open(long_name, O_CREAT, 0600, 1) == SEM_FAILED && errno == ENAMETOOLONG);

    /* Without its name it lives until it is closed, and the name may be used again. */
    EXPECT_EQ(sem_unlink("/one"), 0);
    EXPECT(fails_with(sem_unlink("/one"), ENOENT));
    other = sem_open("/one", O_CREAT, 0600, 1);
    EXPECT(other != SEM_FAILED && other != made);
    EXPECT_EQ(sem_post(made), 0);
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(sem_close(made), 0);
    EXPECT(fails_with(sem_close(made), EINVAL));

    /* With its name it keeps its value when it is closed. */
    EXPECT(sem_trywait(other) == 0 && sem_close(other) == 0);
    EXPECT(sem_open("/one", 0) == other && fails_with(sem_trywait(other), EAGAIN));
    EXPECT(sem_close(other) == 0 && sem_unlink("/one") == 0);
}
