/* SPDX-License-Identifier: MIT */
/*
 * Timers that generate signals: alarm, setitimer (ITIMER_REAL) and timer_create. A thread of the
 * port, which the first timer starts, sleeps until the next deadline. Element 0 is alarm's and
 * setitimer's; they share it, as on Linux. Guarded by the lock of the table of threads.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "lib/newlib/signals.h"

#define TIMERS_MAX  33
#define NS_PER_S    1000000000u
#define STACK_SIZE  ((size_t)64 << 10)
#define NO_DEADLINE UINT64_MAX

struct timer {
    bool used;
    clockid_t clock;
    uint64_t deadline; /* of libc_clock_ns; NO_DEADLINE: disarmed */
    uint64_t interval; /* ns; 0: once */
    int overrun;       /* of the signal that was delivered last */
    struct sigevent event;
};

static struct timer timers[TIMERS_MAX];
static uint32_t changes; /* the thread waits for a change; libc_wait */

static int fail(int error)
{
    errno = error;
    return -1;
}

/* ---- The thread ----------------------------------------------------------------------------- */

static void *run_function(void *argument)
{
    const struct sigevent *event = argument;

    event->sigev_notify_function(event->sigev_value);
    return NULL;
}

static void start_function(struct timer *timer)
{
    pthread_t id;

    if (!pthread_create(&id, timer->event.sigev_notify_attributes, run_function, &timer->event))
        pthread_detach(id);
}

static void fire(struct timer *timer, uint64_t now)
{
    const uint64_t periods = timer->interval ? (now - timer->deadline) / timer->interval + 1 : 0;
    const siginfo_t info = {.si_signo = timer->event.sigev_signo,
                            .si_code = timer == timers ? SI_KERNEL : SI_TIMER,
                            .si_timerid = (int)(timer - timers),
                            .si_overrun = periods > 1 ? (int)periods - 1 : 0,
                            .si_value = timer->event.sigev_value};

    timer->deadline = periods ? timer->deadline + periods * timer->interval : NO_DEADLINE;
    if (timer->event.sigev_notify == SIGEV_THREAD)
        start_function(timer);
    else if (timer->event.sigev_notify == SIGEV_SIGNAL)
        signal_send_of_timer(&info);
}

static void *timers_main(void *argument)
{
    for (;;) {
        const uint32_t before = __atomic_load_n(&changes, __ATOMIC_SEQ_CST);
        uint64_t next = NO_DEADLINE, now;

        thread_lock();
        now = libc_clock_ns();
        for (struct timer *t = timers; t < timers + TIMERS_MAX; t++) {
            if (t->deadline <= now && t->used)
                fire(t, now);
            if (t->used && t->deadline < next)
                next = t->deadline;
        }
        thread_put();
        libc_wait(&changes, before, next);
    }
    return argument;
}

/* Start the thread, with all signals blocked. Return 0 or EAGAIN. The lock is held. */
static int timers_start(void)
{
    static bool started;
    pthread_attr_t attr;
    sigset_t mask;
    pthread_t id;

    if (started)
        return 0;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    mask = signal_set_mask(~(sigset_t)0);
    started = pthread_create(&id, &attr, timers_main, NULL) == 0;
    signal_set_mask(mask);
    if (started)
        thread_hide();
    return started ? 0 : EAGAIN;
}

/* ---- Setting and reading -------------------------------------------------------------------- */

static uint64_t ns_of(struct timespec time)
{
    uint64_t ns;

    if (__builtin_mul_overflow((uint64_t)time.tv_sec, NS_PER_S, &ns) ||
        __builtin_add_overflow(ns, (uint64_t)time.tv_nsec, &ns))
        return NO_DEADLINE - 1;
    return ns;
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
}

static bool is_time(struct timespec time)
{
    return time.tv_sec >= 0 && time.tv_nsec >= 0 && time.tv_nsec < NS_PER_S;
}

static struct itimerspec timer_read(const struct timer *timer)
{
    const uint64_t now = libc_clock_ns();
    struct itimerspec value = {.it_interval = timespec_of(timer->interval)};

    if (timer->used && timer->deadline != NO_DEADLINE)
        value.it_value = timespec_of(timer->deadline > now ? timer->deadline - now : 1);
    return value;
}

static void timer_set(struct timer *timer, uint64_t deadline, uint64_t interval)
{
    timer->deadline = deadline;
    timer->interval = interval;
    __atomic_add_fetch(&changes, 1, __ATOMIC_SEQ_CST);
    libc_wake(&changes, UINT_MAX);
}

/* Set timer 0 to a time from now; 0 disarms it. Return its value before. */
static int set_alarm(const struct itimerspec *value, struct itimerspec *old)
{
    const uint64_t ns = ns_of(value->it_value), now = libc_clock_ns();
    int error;

    thread_lock();
    error = timers_start();
    *old = timer_read(timers);
    if (!error) {
        timers[0].used = true;
        timers[0].event = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
        timer_set(timers, ns ? now + ns : NO_DEADLINE, ns_of(value->it_interval));
    }
    thread_put();
    return error;
}

unsigned alarm(unsigned seconds)
{
    const struct itimerspec value = {.it_value.tv_sec = (time_t)seconds};
    struct itimerspec old;

    set_alarm(&value, &old);
    return (unsigned)old.it_value.tv_sec + (old.it_value.tv_nsec > 0);
}

static struct timespec timespec_of_timeval(struct timeval time)
{
    return (struct timespec){time.tv_sec, time.tv_usec * 1000L};
}

static struct itimerval itimerval_of(const struct itimerspec *value)
{
    return (struct itimerval){
        .it_value = {value->it_value.tv_sec, (value->it_value.tv_nsec + 999) / 1000},
        .it_interval = {value->it_interval.tv_sec, value->it_interval.tv_nsec / 1000}};
}

int getitimer(int which, struct itimerval *value)
{
    struct itimerspec now;

    if (which != ITIMER_REAL)
        return fail(EINVAL);
    thread_lock();
    now = timer_read(timers);
    thread_put();
    *value = itimerval_of(&now);
    return 0;
}

/* The program's own time is not counted, so ITIMER_VIRTUAL and ITIMER_PROF do not exist. */
int setitimer(int which, const struct itimerval *restrict value, struct itimerval *restrict old)
{
    const struct itimerspec wanted = {.it_value = timespec_of_timeval(value->it_value),
                                      .it_interval = timespec_of_timeval(value->it_interval)};
    struct itimerspec before;
    int error;

    if (which != ITIMER_REAL || !is_time(wanted.it_value) || !is_time(wanted.it_interval))
        return fail(EINVAL);
    error = set_alarm(&wanted, &before);
    if (old)
        *old = itimerval_of(&before);
    return error ? fail(error) : 0;
}

/* ---- timer_create and the others ------------------------------------------------------------ */

/* Return the timer, or NULL and set errno. The lock is held. */
static struct timer *timer_of(timer_t id)
{
    const uintptr_t i = (uintptr_t)id;

    if (i > 0 && i < TIMERS_MAX && timers[i].used)
        return &timers[i];
    errno = EINVAL;
    return NULL;
}

static bool is_event(const struct sigevent *event)
{
    switch (event->sigev_notify) {
    case SIGEV_NONE:
        return true;
    case SIGEV_SIGNAL:
        return is_signal(event->sigev_signo);
    case SIGEV_THREAD:
        return event->sigev_notify_function != NULL;
    default:
        return false;
    }
}

/* The program's CPU time is the time that passes (clock.c). */
static bool has_timers(clockid_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_PROCESS_CPUTIME_ID;
}

int timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict id)
{
    int i = 1, error;

    if (!has_timers(clock) || (event && !is_event(event)))
        return fail(EINVAL);
    thread_lock();
    error = timers_start();
    while (i < TIMERS_MAX && timers[i].used)
        i++;
    if (i == TIMERS_MAX)
        error = EAGAIN;
    if (!error) {
        timers[i] = (struct timer){
            true,
            clock,
            NO_DEADLINE,
            0,
            0,
            {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM, .sigev_value.sival_int = i}};
        if (event)
            timers[i].event = *event;
        *id = (timer_t)i;
    }
    thread_put();
    return error ? fail(error) : 0;
}

int timer_delete(timer_t id)
{
    struct timer *timer;

    thread_lock();
    timer = timer_of(id);
    if (timer)
        *timer = (struct timer){0};
    thread_put();
    return timer ? 0 : -1;
}

/* Return the deadline of a value, in terms of libc_clock_ns. */
static uint64_t deadline_of_value(const struct timer *timer, int flags, struct timespec value)
{
    uint64_t deadline;

    if (!value.tv_sec && !value.tv_nsec)
        return NO_DEADLINE;
    if (flags & TIMER_ABSTIME)
        return deadline_of(timer->clock, &value, &deadline) ? deadline : NO_DEADLINE;
    return __builtin_add_overflow(libc_clock_ns(), ns_of(value), &deadline) ? NO_DEADLINE
                                                                            : deadline;
}

int timer_settime(timer_t id, int flags, const struct itimerspec *restrict value,
                  struct itimerspec *restrict old)
{
    struct timer *timer;

    if (!is_time(value->it_value) || !is_time(value->it_interval))
        return fail(EINVAL);
    thread_lock();
    timer = timer_of(id);
    if (timer && old)
        *old = timer_read(timer);
    if (timer)
        timer_set(timer, deadline_of_value(timer, flags, value->it_value),
                  ns_of(value->it_interval));
    thread_put();
    return timer ? 0 : -1;
}

void timer_delivered(const siginfo_t *info)
{
    timers[info->si_timerid].overrun = info->si_overrun;
}

int timer_getoverrun(timer_t id)
{
    const struct timer *timer;
    int overrun = -1;

    thread_lock();
    timer = timer_of(id);
    if (timer)
        overrun = timer->overrun;
    thread_put();
    return overrun;
}

int timer_gettime(timer_t id, struct itimerspec *value)
{
    const struct timer *timer;

    thread_lock();
    timer = timer_of(id);
    if (timer)
        *value = timer_read(timer);
    thread_put();
    return timer ? 0 : -1;
}
