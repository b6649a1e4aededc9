/* SPDX-License-Identifier: MIT */
/* POSIX's clocks and sleeps, on the two clocks of the kernel. */
#include <errno.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "kernel/services.h"
#include "lib/newlib/cancel.h"

#define NS_PER_S 1000000000u

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

static struct timespec time_until(uint64_t deadline)
{
    const uint64_t now = libc_clock_ns();

    return timespec_of(deadline > now ? deadline - now : 0);
}

/* The program is the only one on the machine, so its CPU time is the time that passes. */
static bool read_clock(clockid_t clock, uint64_t *ns)
{
    switch (clock) {
    case CLOCK_REALTIME:
        *ns = libc_wallclock_ns();
        return true;
    case CLOCK_MONOTONIC:
    case CLOCK_PROCESS_CPUTIME_ID:
        *ns = libc_clock_ns();
        return true;
    default:
        errno = EINVAL;
        return false;
    }
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    uint64_t ns;

    if (!read_clock(clock, &ns))
        return -1;
    *now = timespec_of(ns);
    return 0;
}

int clock_getres(clockid_t clock, struct timespec *resolution)
{
    uint64_t ns;

    if (!read_clock(clock, &ns))
        return -1;
    if (resolution)
        *resolution = timespec_of(1);
    return 0;
}

/* There is one process. */
int clock_getcpuclockid(pid_t process, clockid_t *clock)
{
    if (process && process != getpid())
        return ESRCH;
    *clock = CLOCK_PROCESS_CPUTIME_ID;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    uint64_t ns = libc_wallclock_ns();

    (void)zone;
    now->tv_sec = (time_t)(ns / NS_PER_S);
    now->tv_usec = (suseconds_t)(ns % NS_PER_S / 1000);
    return 0;
}

/* In units of 1/CLOCKS_PER_SEC s, which is what newlib's clock() expects. */
clock_t times(struct tms *used)
{
    clock_t now = (clock_t)(libc_clock_ns() / (NS_PER_S / CLOCKS_PER_SEC));

    *used = (struct tms){.tms_utime = now};
    return now;
}

/* The machine's clock is not the program's to set, and CLOCK_MONOTONIC cannot be set at all. */
int clock_settime(clockid_t clock, const struct timespec *time)
{
    const bool is_time = time->tv_nsec >= 0 && time->tv_nsec < NS_PER_S;
    uint64_t ns;

    if (!read_clock(clock, &ns))
        return -1;
    errno = clock == CLOCK_MONOTONIC || !is_time ? EINVAL : EPERM;
    return -1;
}

/*
 * The handler of a signal ends the sleep, with EINTR and the time left. A cancellation point.
 * Returns the error instead of setting errno.
 */
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted,
                    struct timespec *left)
{
    uint64_t ns, base, now;

    if (wanted->tv_nsec < 0 || wanted->tv_nsec >= NS_PER_S || wanted->tv_sec < 0)
        return EINVAL;
    if (clock == CLOCK_PROCESS_CPUTIME_ID || !read_clock(clock, &ns))
        return clock == CLOCK_PROCESS_CPUTIME_ID ? ENOTSUP : EINVAL;
    base = now = libc_clock_ns(); /* last: time that passes between both makes the sleep longer */
    if (flags & TIMER_ABSTIME)
        base = now - ns; /* the clock's zero, in terms of libc_clock_ns; it may be below 0 */
    if (__builtin_mul_overflow((uint64_t)wanted->tv_sec, NS_PER_S, &ns) ||
        __builtin_add_overflow(ns, (uint64_t)wanted->tv_nsec, &ns) ||
        (!(flags & TIMER_ABSTIME) && __builtin_add_overflow(ns, base, &ns)))
        ns = UINT64_MAX;
    else if (flags & TIMER_ABSTIME)
        ns = (int64_t)(ns + base) < 0 ? 0 : ns + base;
    if (sleep_cancellable(ns))
        return 0;
    if (left && !(flags & TIMER_ABSTIME))
        *left = time_until(ns);
    return EINTR;
}

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
    const int error = clock_nanosleep(CLOCK_MONOTONIC, 0, wanted, left);

    if (error) {
        errno = error;
        return -1;
    }
    if (left)
        *left = (struct timespec){0};
    return 0;
}

unsigned sleep(unsigned seconds)
{
    struct timespec left = {0};

    if (!nanosleep(&(struct timespec){.tv_sec = seconds}, &left))
        return 0;
    return (unsigned)left.tv_sec + (left.tv_nsec > 0);
}

int usleep(useconds_t us)
{
    return nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L},
                     NULL);
}
