/* SPDX-License-Identifier: MIT */
/* Signals to threads that wait or compute, waits for signals, and timers. */
#include "test/harness/cpus.h"
#include "test/libc/signals.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int spinning, stop_spinning;

static void stop(int signal)
{
    count_signal(signal);
    stop_spinning = 1;
}

static struct thread *waiter; /* the thread that is about to wait; NULL: it computes */

static void *compute(void *argument)
{
    waiter = NULL;
    spinning = 1;
    while (!stop_spinning)
        continue;
    return argument;
}

static sem_t semaphore;
static int wait_error;

static void *wait_in_semaphore(void *argument)
{
    waiter = this_thread();
    spinning = 1;
    wait_error = sem_wait(&semaphore) ? errno : 0;
    return argument;
}

static void *wait_in_sleep(void *argument)
{
    struct timespec left = {0};

    waiter = this_thread();
    spinning = 1;
    wait_error = nanosleep(&(struct timespec){.tv_sec = 1000}, &left) ? errno : 0;
    EXPECT(left.tv_sec > 800);
    return argument;
}

static bool is_waiting(void)
{
    return !waiter || READ_ONCE(waiter->state) == THREAD_BLOCKED;
}

/*
 * Start a thread, and send it the signal when it computes or waits: a signal before it waits does
 * not end the wait.
 */
static bool interrupt_thread(void *(*run)(void *), int flags)
{
    pthread_t thread;

    signals_begin();
    spinning = stop_spinning = 0;
    wait_error = -1;
    set_handler(SIGUSR1, stop, flags);
    if (pthread_create(&thread, NULL, run, NULL))
        return false;
    while (!spinning)
        usleep(1000);
    EXPECT(SLEEP_UNTIL(is_waiting()));
    EXPECT_EQ(pthread_kill(thread, SIGUSR1), 0);
    if (flags & SA_RESTART) {
        EXPECT(SLEEP_UNTIL(caught.calls && is_waiting()));
        sem_post(&semaphore);
    }
    return pthread_join(thread, NULL) == 0;
}

TEST(libc_signals, a_thread_that_computes_is_interrupted)
{
    EXPECT(interrupt_thread(compute, 0));
    EXPECT_EQ(caught.calls, 1);
    signals_end();
}

TEST(libc_signals, waits_end_with_eintr_or_are_restarted)
{
    sem_init(&semaphore, 0, 0);
    EXPECT(interrupt_thread(wait_in_semaphore, 0));
    EXPECT_EQ(wait_error, EINTR);
    EXPECT(interrupt_thread(wait_in_semaphore, SA_RESTART));
    EXPECT_EQ(wait_error, 0);
    EXPECT(interrupt_thread(wait_in_sleep, 0));
    EXPECT_EQ(wait_error, EINTR);
    EXPECT_EQ(caught.calls, 1);
    sem_destroy(&semaphore);
    signals_end();
}

TEST(libc_signals, sigwait_and_its_like_accept_pending_signals)
{
    const sigset_t set = set_of_signal(SIGUSR1);
    siginfo_t info;
    int signal = 0;

    signals_begin();
    set_handler(SIGUSR1, count_signal, 0);
    block_signal(SIGUSR1);
    raise(SIGUSR1);
    EXPECT_EQ(sigwait(&set, &signal), 0);
    EXPECT_EQ(signal, SIGUSR1);
    EXPECT_EQ(sigtimedwait(&set, &info, &(struct timespec){.tv_nsec = 1000000}), -1);
    EXPECT_EQ(errno, EAGAIN);
    kill(getpid(), SIGUSR1);
    EXPECT_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    EXPECT_EQ(info.si_code, SI_USER);
    EXPECT_EQ(caught.calls, 0);
    signals_end();
}

TEST(libc_signals, sigsuspend_waits_for_a_handler_and_restores_the_mask)
{
    sigset_t none;

    signals_begin();
    sigemptyset(&none);
    set_handler(SIGALRM, count_signal, 0);
    block_signal(SIGALRM);
    EXPECT_EQ(setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_usec = 2000}}, NULL), 0);
    EXPECT_EQ(sigsuspend(&none), -1);
    EXPECT_EQ(errno, EINTR);
    EXPECT_EQ(caught.calls, 1);
    EXPECT(is_signal_blocked(SIGALRM));
    signals_end();
}

/* Try again if this computer was stopped for a second between the two calls. */
static bool alarm_returns_what_is_left(void)
{
    for (int tries = 0; tries < 10; tries++) {
        EXPECT_EQ(alarm(100), 0);
        if (alarm(0) == 100)
            return true;
    }
    return false;
}

TEST(libc_signals, timers_generate_signals_until_they_are_deleted)
{
    static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_PROCESS_CPUTIME_ID};
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 42};
    const struct itimerspec every_ms = {.it_value.tv_nsec = 1000000,
                                        .it_interval.tv_nsec = 1000000};
    timer_t timer;

    signals_begin();
    catch_signal(SIGRTMIN, note_signal, 0);
    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        REQUIRE(!timer_create(clocks[i], &event, &timer));
        EXPECT_EQ(timer_settime(timer, 0, &every_ms, NULL), 0);
        for (int calls = caught.calls; caught.calls < calls + 3;)
            pause();
        EXPECT_EQ(caught.info.si_code, SI_TIMER);
        EXPECT_EQ(caught.info.si_value.sival_int, 42);
        EXPECT_EQ(timer_delete(timer), 0);
        EXPECT_EQ(timer_settime(timer, 0, &every_ms, NULL), -1);
    }
    EXPECT_EQ(timer_create(99, &event, &timer), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT(alarm_returns_what_is_left());
    signals_end();
}

static pthread_mutex_t locked = PTHREAD_MUTEX_INITIALIZER;

static void *send_many(void *argument)
{
    const pthread_t thread = *(pthread_t *)argument;

    for (int i = 0; i < 25; i++) {
        pthread_kill(thread, SIGUSR1);
        usleep(200);
    }
    stop_spinning = 1;
    return argument;
}

static void allocate(int signal)
{
    void *volatile p = malloc(100);

    free(p);
    count_signal(signal);
}

TEST(libc_signals, handlers_may_allocate_whatever_they_interrupt)
{
    pthread_t me = pthread_self(), sender;

    signals_begin();
    stop_spinning = 0;
    set_handler(SIGUSR1, allocate, 0);
    REQUIRE(!pthread_create(&sender, NULL, send_many, &me));
    while (!stop_spinning) {
        void *volatile p = malloc(64);
        void *volatile q = malloc(200);

        free(p);
        pthread_mutex_lock(&locked);
        pthread_mutex_unlock(&locked);
        free(q);
    }
    EXPECT_EQ(pthread_join(sender, NULL), 0);
    EXPECT(caught.calls > 0);
    signals_end();
}
