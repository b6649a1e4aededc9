/* SPDX-License-Identifier: MIT */
/*
 * Wait for sockets (IEEE Std 1003.1-2017). Other files are always ready, the console too. The end
 * of a connection is POLLIN, as it is for read; POLLHUP and POLLPRI are never set.
 */
#ifndef LIB_NEWLIB_POLL_H
#define LIB_NEWLIB_POLL_H

typedef unsigned nfds_t;

struct pollfd {
    int fd;
    short events, revents;
};

#define POLLIN     0x001
#define POLLOUT    0x002
#define POLLERR    0x004
#define POLLNVAL   0x008
#define POLLRDNORM 0x010
#define POLLRDBAND 0x020
#define POLLPRI    0x040
#define POLLWRNORM 0x080
#define POLLWRBAND 0x100
#define POLLHUP    0x200

int poll(struct pollfd *fds, nfds_t count, int milliseconds);

#endif
