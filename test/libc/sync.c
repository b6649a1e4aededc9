/* SPDX-License-Identifier: MIT */
/* Synchronization of a program's threads: mutexes, condition variables, pthread_once. */
#include "test/harness/test.h"
#include "test/libc/threads.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/lock.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned counter, inside, intrusions;

static void *count_up(void *argument)
{
    for (int i = 0; i < 1000; i++) {
        if (i % 3)
            pthread_mutex_lock(&mutex);
        else
            while (pthread_mutex_trylock(&mutex) == EBUSY)
                sched_yield();
        intrusions += inside++ != 0;
        counter++;
        inside--;
        pthread_mutex_unlock(&mutex);
    }
    return argument;
}

TEST(libc_sync, mutex_excludes)
{
    counter = intrusions = 0;
    run_all(count_up);
    EXPECT_EQ(counter, THREADS * 1000);
    EXPECT_EQ(intrusions, 0);
}

static _LOCK_T library_lock;

static void *try_library_lock(void *result)
{
    *(int *)result = __lock_try_acquire_recursive(library_lock);
    if (*(int *)result)
        __lock_release_recursive(library_lock);
    return NULL;
}

static bool another_thread_can_take_it(void)
{
    pthread_t thread;
    int taken = -1;

    if (!EXPECT_EQ(pthread_create(&thread, NULL, try_library_lock, &taken), 0))
        return false;
    pthread_join(thread, NULL);
    return taken;
}

/* newlib's own locks: those of its streams are taken again by the thread that holds them. */
TEST(libc_sync, lock_of_the_library_is_free_after_as_many_releases)
{
    __lock_init_recursive(library_lock);
    __lock_acquire_recursive(library_lock);
    __lock_acquire_recursive(library_lock);
    EXPECT_EQ(__lock_try_acquire_recursive(library_lock), 3);
    EXPECT(!another_thread_can_take_it());
    __lock_release_recursive(library_lock);
    __lock_release_recursive(library_lock);
    EXPECT(!another_thread_can_take_it());
    __lock_release_recursive(library_lock);
    EXPECT(another_thread_can_take_it());
    __lock_close_recursive(library_lock);
}

static pthread_mutex_t mutex_of(int kind)
{
    pthread_mutexattr_t attr;
    pthread_mutex_t made;
    int is;

    pthread_mutexattr_init(&attr);
    EXPECT_EQ(pthread_mutexattr_settype(&attr, kind), 0);
    EXPECT(!pthread_mutexattr_gettype(&attr, &is) && is == kind);
    EXPECT_EQ(pthread_mutex_init(&made, &attr), 0);
    EXPECT_EQ(pthread_mutexattr_settype(&attr, 17), EINVAL);
    pthread_mutexattr_destroy(&attr);
    return made;
}

/* Runs in a thread that does not hold the mutex. */
static void *try_and_unlock(void *m)
{
    const int locked = pthread_mutex_trylock(m), unlocked = pthread_mutex_unlock(m);

    return (void *)(uintptr_t)(locked == EBUSY && unlocked == EPERM);
}

static bool others_are_excluded(pthread_mutex_t *m)
{
    pthread_t thread;
    void *result = NULL;

    return !pthread_create(&thread, NULL, try_and_unlock, m) && !pthread_join(thread, &result) &&
           result;
}

TEST(libc_sync, each_kind_of_mutex_behaves_as_posix_defines)
{
    pthread_mutex_t check = mutex_of(PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_t again = mutex_of(PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_t normal = mutex_of(PTHREAD_MUTEX_NORMAL), none = 0;

    EXPECT_EQ(pthread_mutex_lock(&check), 0);
    EXPECT_EQ(pthread_mutex_lock(&check), EDEADLK);
    EXPECT_EQ(pthread_mutex_trylock(&check), EBUSY);
    EXPECT(others_are_excluded(&check));
    EXPECT_EQ(pthread_mutex_destroy(&check), EBUSY);
    EXPECT_EQ(pthread_mutex_unlock(&check), 0);
    EXPECT_EQ(pthread_mutex_unlock(&check), EPERM);
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(i < 2 ? pthread_mutex_lock(&again) : pthread_mutex_trylock(&again), 0);
    for (int i = 0; i < 3; i++) {
        EXPECT(others_are_excluded(&again));
        EXPECT_EQ(pthread_mutex_unlock(&again), 0);
    }
    EXPECT_EQ(pthread_mutex_unlock(&again), EPERM);
    EXPECT_EQ(pthread_mutex_lock(&normal), 0);
    EXPECT_EQ(pthread_mutex_trylock(&normal), EBUSY);
    EXPECT_EQ(pthread_mutex_unlock(&normal), 0);
    EXPECT_EQ(pthread_mutex_destroy(&normal), 0);
    EXPECT_EQ(pthread_mutex_lock(&normal), EINVAL);
    EXPECT_EQ(pthread_mutex_unlock(&none), EINVAL);
}

/*
 * Ping-pong between two threads: a lost signal ends the game, and the test does not finish. Each
 * returns how often it was its turn.
 */
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static uintptr_t turn, game_over;
static struct timespec game_end;

static void *play_turns(void *side)
{
    uintptr_t turns = 0;

    pthread_mutex_lock(&mutex);
    for (;;) {
        while (turn % THREADS != (uintptr_t)side && !game_over)
            pthread_cond_wait(&turned, &mutex);
        if (game_over)
            break;
        turns++;
        turn++;
        game_over = turn == 2000 || is_over(&game_end);
        pthread_cond_broadcast(&turned);
    }
    pthread_mutex_unlock(&mutex);
    return (void *)turns;
}

TEST(libc_sync, no_signal_is_lost)
{
    turn = game_over = 0;
    game_end = in_ms(CLOCK_MONOTONIC, 500);
    EXPECT_EQ(run_all(play_turns), turn);
    EXPECT(turn > 0);
}

static void *signal_once(void *argument)
{
    pthread_mutex_lock(&mutex);
    turn = 1;
    pthread_cond_signal(&turned);
    pthread_mutex_unlock(&mutex);
    return argument;
}

TEST(libc_sync, timed_waits_end_at_their_deadline)
{
    const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
    struct timespec wrong = {.tv_nsec = 1000000000}, far, end;
    pthread_condattr_t attr;
    pthread_cond_t cond;
    pthread_t thread;
    int error = 0;

    pthread_mutex_lock(&mutex);
    for (int i = 0; i < 2; i++) {
        pthread_condattr_init(&attr);
        EXPECT_EQ(pthread_condattr_setclock(&attr, clocks[i]), 0);
        EXPECT_EQ(pthread_cond_init(&cond, &attr), 0);
        end = in_ms(clocks[i], 5);
        EXPECT_EQ(pthread_cond_timedwait(&cond, &mutex, &end), ETIMEDOUT);
        EXPECT(clocks[i] == CLOCK_REALTIME || is_over(&end));
        EXPECT_EQ(pthread_cond_timedwait(&cond, &mutex, &wrong), EINVAL);
        EXPECT_EQ(pthread_cond_destroy(&cond), 0);
    }
    EXPECT_EQ(pthread_condattr_setclock(&attr, (clockid_t)77), EINVAL);
    turn = 0;
    far = in_ms(CLOCK_REALTIME, 600000);
    REQUIRE(pthread_create(&thread, NULL, signal_once, NULL) == 0);
    while (!turn && !error)
        error = pthread_cond_timedwait(&turned, &mutex, &far);
    EXPECT_EQ(error, 0);
    pthread_mutex_unlock(&mutex);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
}

static unsigned initialised;

static void initialise(void)
{
    sched_yield();
    initialised++;
}

static void *do_once(void *argument)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, initialise);
    (void)argument;
    return (void *)(uintptr_t)initialised;
}

TEST(libc_sync, once_runs_once_and_before_all_return)
{
    initialised = 0;
    EXPECT_EQ(run_all(do_once), THREADS);
    EXPECT_EQ(initialised, 1);
}
