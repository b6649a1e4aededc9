/* SPDX-License-Identifier: MIT */
/* Cancellation of a program's threads, their attributes, and what the system says of itself. */
#include "test/harness/lines.h"
#include "test/harness/step.h"
#include "test/harness/test.h"
#include "test/libc/threads.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static sem_t empty, started;
static pthread_t sleeper;
static int cleaned, mutex_was_mine;

static void clean(void *argument)
{
    cleaned += *(int *)argument;
}

static void unlock(void *argument)
{
    mutex_was_mine = pthread_mutex_unlock(argument) == 0;
}

static void *wait_in_cond(void *argument)
{
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push(unlock, &mutex);
    sem_post(&started);
    for (;;)
        pthread_cond_wait(&never, &mutex);
    pthread_cleanup_pop(0);
    return argument;
}

static void *wait_in_sem(void *argument)
{
    sem_post(&started);
    sem_wait(&empty);
    return argument;
}

static void *wait_in_sleep(void *argument)
{
    sem_post(&started);
    sleep(1000);
    return argument;
}

static void *wait_in_join(void *argument)
{
    sem_post(&started);
    pthread_join(sleeper, NULL);
    return argument;
}

static void *wait_in_loop(void *argument)
{
    sem_post(&started);
    for (;;) {
        sched_yield();
        pthread_testcancel();
    }
    return argument;
}

static void *cleaned_up(void *(*run)(void *))
{
    static int one = 1;
    void *result;

    pthread_cleanup_push(clean, &one);
    result = run(NULL);
    pthread_cleanup_pop(0);
    return result;
}

static void *run_cleaned_up(void *argument)
{
    void *(*const *run)(void *) = argument;

    return cleaned_up(*run);
}

/* Cancel a thread once after it has started, and at times before it sleeps. */
static bool ends_cancelled(void *(*run)(void *), bool at_once)
{
    pthread_t thread;
    void *result = NULL;

    cleaned = 0;
    if (sem_init(&started, 0, 0) || pthread_create(&thread, NULL, run_cleaned_up, &run))
        return false;
    if (!at_once) {
        sem_wait(&started);
        usleep(2000);
    }
    return !pthread_cancel(thread) && !pthread_join(thread, &result) &&
           result == PTHREAD_CANCELED && cleaned == 1;
}

TEST(libc_cancel, a_thread_that_waits_ends)
{
    void *(*const waits[])(void *) = {wait_in_cond, wait_in_sem, wait_in_sleep, wait_in_loop};

    REQUIRE(sem_init(&empty, 0, 0) == 0);
    for (unsigned i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
        for (int round = 0; round < 8; round++) {
            mutex_was_mine = 0;
            if (!EXPECT(ends_cancelled(waits[i], round % 2)))
                return;
            EXPECT(waits[i] != wait_in_cond || round % 2 || mutex_was_mine);
        }
}

TEST(libc_cancel, a_thread_that_was_to_be_joined_can_be_joined_by_another)
{
    void *result = NULL;

    REQUIRE(sem_init(&started, 0, 0) == 0);
    REQUIRE(pthread_create(&sleeper, NULL, wait_in_sleep, NULL) == 0);
    EXPECT(ends_cancelled(wait_in_join, false));
    EXPECT_EQ(pthread_cancel(sleeper), 0);
    EXPECT_EQ(pthread_join(sleeper, &result), 0);
    EXPECT(result == PTHREAD_CANCELED);
    EXPECT_EQ(pthread_cancel(sleeper), ESRCH);
}

static void *refuse_until_told(void *argument)
{
    int old = -1;

    (void)argument;
    if (pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old) || old != PTHREAD_CANCEL_ENABLE)
        return NULL;
    sem_post(&started);
    sem_wait(&empty); /* the cancellation is pending by then */
    usleep(1000);
    pthread_testcancel();
    cleaned = 100;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_testcancel();
    return NULL;
}

TEST(libc_cancel, a_thread_that_disables_cancellation_ends_when_it_enables_it)
{
    pthread_t thread;
    void *result = NULL;
    int old = -1;

    cleaned = 0;
    REQUIRE(sem_init(&started, 0, 0) == 0 && sem_init(&empty, 0, 0) == 0);
    REQUIRE(pthread_create(&thread, NULL, refuse_until_told, NULL) == 0);
    sem_wait(&started);
    EXPECT_EQ(pthread_cancel(thread), 0);
    sem_post(&empty);
    EXPECT_EQ(pthread_join(thread, &result), 0);
    EXPECT(result == PTHREAD_CANCELED);
    EXPECT_EQ(cleaned, 100);
    EXPECT_EQ(pthread_setcancelstate(7, &old), EINVAL);
    EXPECT_EQ(pthread_setcanceltype(7, &old), EINVAL);
    EXPECT_EQ(pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &old), 0);
    EXPECT_EQ(old, PTHREAD_CANCEL_DEFERRED);
}

static unsigned attempts;

static void initialise_or_end(void)
{
    if (!attempts++)
        pthread_exit(PTHREAD_CANCELED);
}

static void *do_once(void *argument)
{
    pthread_once(argument, initialise_or_end);
    return NULL;
}

TEST(libc_cancel, a_once_whose_routine_ends_its_thread_runs_again)
{
    pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_t thread;

    attempts = 0;
    REQUIRE(pthread_create(&thread, NULL, do_once, &once) == 0);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    EXPECT_EQ(attempts, 1);
    EXPECT_EQ(pthread_once(&once, initialise_or_end), 0);
    EXPECT_EQ(pthread_once(&once, initialise_or_end), 0);
    EXPECT_EQ(attempts, 2);
}

/* ---- Attributes -------------------------------------------------------------------------------
 */

static uintptr_t stack_in_use;

static void *note_stack(void *argument)
{
    volatile char here = 0;

    stack_in_use = (uintptr_t)&here; /* cppcheck-suppress danglingLifetime */
    return argument;
}

TEST(libc_cancel, a_thread_runs_on_the_stack_that_it_is_given)
{
    char *const stack = aligned_alloc(4096, PTHREAD_STACK_MIN);
    pthread_attr_t attr;
    pthread_t thread;
    void *where = NULL;
    size_t size = 0;

    REQUIRE(stack && pthread_attr_init(&attr) == 0);
    EXPECT_EQ(pthread_attr_setstack(&attr, stack, PTHREAD_STACK_MIN - 16), EINVAL);
    EXPECT_EQ(pthread_attr_setstack(&attr, stack + 1, PTHREAD_STACK_MIN), EINVAL);
    EXPECT_EQ(pthread_attr_setstack(&attr, stack, PTHREAD_STACK_MIN), 0);
    EXPECT(!pthread_attr_getstack(&attr, &where, &size) && where == stack &&
           size == PTHREAD_STACK_MIN);
    for (int i = 0; i < 3; i++) {
        REQUIRE(pthread_create(&thread, &attr, note_stack, NULL) == 0);
        EXPECT_EQ(pthread_join(thread, NULL), 0);
        EXPECT(stack_in_use - (uintptr_t)stack < PTHREAD_STACK_MIN);
        stack_in_use = 0;
    }
    free(stack);
}

TEST(libc_cancel, attributes_are_kept_or_refused)
{
    struct sched_param param = {.sched_priority = 1};
    pthread_mutexattr_t mutex_attr;
    pthread_rwlockattr_t lock_attr;
    pthread_attr_t attr;
    pthread_t thread;
    int value = -1;
    size_t guard;

    REQUIRE(pthread_attr_init(&attr) == 0 && pthread_mutexattr_init(&mutex_attr) == 0 &&
            pthread_rwlockattr_init(&lock_attr) == 0);
    EXPECT(!pthread_attr_setguardsize(&attr, 12345) && !pthread_attr_getguardsize(&attr, &guard) &&
           guard == 12345);
    EXPECT_EQ(pthread_attr_setscope(&attr, PTHREAD_SCOPE_PROCESS), ENOTSUP);
    EXPECT_EQ(pthread_attr_setschedparam(&attr, &param), EINVAL);
    EXPECT_EQ(pthread_attr_setschedpolicy(&attr, SCHED_FIFO), 0);
    EXPECT_EQ(pthread_attr_setschedparam(&attr, &param), 0);
    EXPECT_EQ(pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED), 0);
    EXPECT_EQ(pthread_create(&thread, &attr, note_stack, NULL), EPERM);
    EXPECT_EQ(pthread_attr_destroy(&attr), 0);
    EXPECT_EQ(pthread_create(&thread, &attr, note_stack, NULL), EINVAL);
    EXPECT_EQ(pthread_mutexattr_setpshared(&mutex_attr, PTHREAD_PROCESS_SHARED), ENOTSUP);
    EXPECT_EQ(pthread_rwlockattr_setpshared(&lock_attr, PTHREAD_PROCESS_SHARED), ENOTSUP);
    EXPECT_EQ(pthread_mutexattr_setpshared(&mutex_attr, 7), EINVAL);
    EXPECT(!pthread_mutexattr_setpshared(&mutex_attr, PTHREAD_PROCESS_PRIVATE) &&
           !pthread_mutexattr_getpshared(&mutex_attr, &value) && value == PTHREAD_PROCESS_PRIVATE);
    EXPECT_EQ(pthread_mutexattr_setprotocol(&mutex_attr, PTHREAD_PRIO_INHERIT), ENOTSUP);
    EXPECT_EQ(pthread_setschedparam(pthread_self(), SCHED_FIFO, &param), EPERM);
    EXPECT_EQ(pthread_mutexattr_destroy(&mutex_attr), 0);
    EXPECT_EQ(pthread_mutexattr_destroy(&mutex_attr), EINVAL);
    EXPECT_EQ(pthread_condattr_destroy(NULL), EINVAL);
    EXPECT_EQ(pthread_atfork(NULL, NULL, NULL), 0);
}

TEST(libc_cancel, sysconf_returns_what_the_headers_announce)
{
    EXPECT_EQ(sysconf(_SC_CLK_TCK), CLOCKS_PER_SEC);
    EXPECT_EQ(sysconf(_SC_MONOTONIC_CLOCK), _POSIX_MONOTONIC_CLOCK);
    EXPECT_EQ(sysconf(_SC_CPUTIME), _POSIX_CPUTIME);
    EXPECT_EQ(sysconf(_SC_THREADS), _POSIX_THREADS);
    EXPECT_EQ(sysconf(_SC_BARRIERS), _POSIX_BARRIERS);
    EXPECT_EQ(sysconf(_SC_THREAD_STACK_MIN), PTHREAD_STACK_MIN);
    errno = 0;
    EXPECT_EQ(sysconf(_SC_THREAD_PROCESS_SHARED), -1);
    EXPECT_EQ(errno, 0);
    EXPECT_EQ(sysconf(-5), -1);
    EXPECT_EQ(errno, EINVAL);
}

TEST(libc_cancel, clock_nanosleep_sleeps_until_a_time)
{
    struct timespec past = {.tv_nsec = 1}, soon = in_ms(CLOCK_MONOTONIC, 5);
    struct timespec wrong = {.tv_nsec = 1000000000}, real = in_ms(CLOCK_REALTIME, 5);
    struct timespec now;

    EXPECT_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &past, NULL), 0);
    EXPECT_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &soon, NULL), 0);
    EXPECT(is_over(&soon));
    EXPECT_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &real, NULL), 0);
    now = in_ms(CLOCK_REALTIME, 0);
    EXPECT(now.tv_sec > real.tv_sec || (now.tv_sec == real.tv_sec && now.tv_nsec >= real.tv_nsec));
    EXPECT_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &wrong, NULL), EINVAL);
    EXPECT_EQ(clock_nanosleep((clockid_t)77, 0, &past, NULL), EINVAL);
}

enum {
    INSTRUCTIONS = 500, /* the clocks are read within so many */
    TURNS = 20,
};

static struct {
    timer_t timer;
    struct itimerspec end; /* 1000 s from now on */
    u32 turn;              /* time passes at the instructions of this number, modulo TURNS */
    u32 delays;
} timed;

static void lose_time(struct steps *steps, struct trap_frame *frame)
{
    (void)frame;
    steps->over = steps->count == INSTRUCTIONS;
    if (steps->count % TURNS != timed.turn)
        return;
    spin(NS_PER_MS / 2);
    timed.delays++;
}

static void set_timer(void *unused)
{
    (void)unused;
    EXPECT_EQ(timer_settime(timed.timer, TIMER_ABSTIME, &timed.end, NULL), 0);
}

static int64_t ns_of(struct timespec t)
{
    return t.tv_sec * (int64_t)NS_PER_S + t.tv_nsec;
}

/* The timer does not expire before its end: what is left of it is read first. */
static bool deadline_is_not_too_early(void)
{
    struct itimerspec left = {0};

    EXPECT_EQ(timer_gettime(timed.timer, &left), 0);
    return ns_of(left.it_value) + ns_of(in_ms(CLOCK_REALTIME, 0)) >= ns_of(timed.end.it_value);
}

/*
 * A thread may be stopped between its readings of two clocks. Time passes at each instruction in
 * one of the turns.
 */
TEST(libc_cancel, time_that_passes_makes_no_deadline_earlier)
{
    struct sigevent none = {.sigev_notify = SIGEV_NONE};

    NEEDS_BARE_OPS;
    timed.delays = 0;
    REQUIRE(!timer_create(CLOCK_REALTIME, &none, &timed.timer));
    for (timed.turn = 0; timed.turn < TURNS; timed.turn++) {
        struct steps steps = {.between = lose_time};

        timed.end.it_value = in_ms(CLOCK_REALTIME, 1000000);
        step_through(&steps, set_timer, NULL);
        if (!EXPECT(deadline_is_not_too_early()))
            break;
    }
    EXPECT_EQ(timer_delete(timed.timer), 0);
    EXPECT(timed.delays >= 50);
    print("# time passed at %u instructions\n", timed.delays);
}
