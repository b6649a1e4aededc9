/* SPDX-License-Identifier: MIT */
/* poll and select (poll.h), on lwip_poll. A file that is not a socket is always ready. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#include "lib/newlib/sockets/calls.h"
#include "lib/newlib/sockets/stack.h"

#define POLL_MAX 128 /* as many as there can be descriptors */
#define READS    (POLLIN | POLLRDNORM)
#define WRITES   (POLLOUT | POLLWRNORM)

/* The sockets among the files, as lwIP numbers them. */
struct sockets {
    struct pollfd fds[POLL_MAX];
    struct open_file *files[POLL_MAX];
    unsigned places[POLL_MAX]; /* where the caller has it */
    unsigned count;
};

/* Add a file. Return whether it is ready already, as each that is not a socket. */
static bool poll_add(struct sockets *s, struct pollfd *fd, unsigned place)
{
    struct open_file *file;
    const int number = socket_get(fd->fd, &file);

    fd->revents = 0;
    if (number < 0) {
        fd->revents = (short)(errno == EBADF ? POLLNVAL : fd->events & (READS | WRITES));
        return fd->revents;
    }
    s->fds[s->count].fd = number;
    s->fds[s->count].events =
        (short)((fd->events & READS ? POLLIN : 0) | (fd->events & WRITES ? POLLOUT : 0));
    s->files[s->count] = file;
    s->places[s->count++] = place;
    return false;
}

/* Give the caller what lwIP has found, and end the uses. Return how many are ready. */
static int poll_finish(struct sockets *s, struct pollfd *fds)
{
    int ready = 0;

    for (unsigned i = 0; i < s->count; i++) {
        struct pollfd *fd = &fds[s->places[i]];
        const short found = s->fds[i].revents;

        fd->revents =
            (short)((found & (POLLERR | POLLNVAL)) | (found & POLLIN ? fd->events & READS : 0) |
                    (found & POLLOUT ? fd->events & WRITES : 0));
        ready += fd->revents != 0;
        socket_put(s->files[i]);
    }
    return ready;
}

/* Wait for nothing but the time, or a signal. */
static int sleep_for(int milliseconds)
{
    const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};

    return milliseconds < 0 ? pause() : nanosleep(&time, NULL);
}

int poll(struct pollfd *fds, nfds_t count, int milliseconds)
{
    struct sockets s = {.count = 0};
    int ready = 0, error = 0;

    if (count > POLL_MAX) {
        errno = EINVAL;
        return -1;
    }
    pthread_testcancel();
    for (unsigned i = 0; i < count; i++) {
        fds[i].revents = 0;
        if (fds[i].fd >= 0)
            ready += poll_add(&s, &fds[i], i);
    }
    if (!s.count && !ready)
        return sleep_for(milliseconds);
    if (s.count && lwip_poll(s.fds, s.count, ready ? 0 : milliseconds) < 0)
        error = errno;
    ready += poll_finish(&s, fds);
    if (!error)
        return ready;
    errno = error;
    return -1;
}

/* ---- select ---------------------------------------------------------------------------------- */

static short events_of(int fd, const fd_set *reads, const fd_set *writes)
{
    return (short)((reads && FD_ISSET(fd, reads) ? POLLIN : 0) |
                   (writes && FD_ISSET(fd, writes) ? POLLOUT : 0));
}

/* Leave in a set the files for which one of the events was found; return how many. */
static int set_result(fd_set *set, const struct pollfd *fds, unsigned count, short wanted,
                      short found)
{
    int n = 0;

    if (!set)
        return 0;
    FD_ZERO(set);
    for (unsigned i = 0; i < count; i++) {
        if (!(fds[i].events & wanted) || !(fds[i].revents & found))
            continue;
        FD_SET(fds[i].fd, set);
        n++;
    }
    return n;
}

static int milliseconds_of(const struct timeval *time)
{
    if (!time)
        return -1;
    if (time->tv_sec > INT_MAX / 1000 - 1)
        return INT_MAX;
    return (int)(time->tv_sec * 1000 + (time->tv_usec + 999) / 1000);
}

/* Nothing is exceptional, because there is no urgent data. */
int select(int end, fd_set *reads, fd_set *writes, fd_set *exceptions, struct timeval *time)
{
    struct pollfd fds[POLL_MAX];
    unsigned count = 0;

    if (end < 0 || end > POLL_MAX || (time && (time->tv_sec < 0 || time->tv_usec < 0))) {
        errno = EINVAL;
        return -1;
    }
    for (int fd = 0; fd < end; fd++) {
        const short events = events_of(fd, reads, writes);

        if (events)
            fds[count++] = (struct pollfd){.fd = fd, .events = events};
    }
    if (poll(fds, count, milliseconds_of(time)) < 0)
        return -1;
    for (unsigned i = 0; i < count; i++) {
        if (!(fds[i].revents & POLLNVAL))
            continue;
        errno = EBADF;
        return -1;
    }
    if (exceptions)
        FD_ZERO(exceptions);
    return set_result(reads, fds, count, POLLIN, POLLIN | POLLERR) +
           set_result(writes, fds, count, POLLOUT, POLLOUT | POLLERR);
}
