/* SPDX-License-Identifier: MIT */
/* Helpers for tests of sockets by 127.0.0.1. Include test/harness/test.h first. */
#ifndef TEST_LIBC_SOCKETS_H
#define TEST_LIBC_SOCKETS_H

#include "lib/newlib/sockets/pause.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static inline int stack_in_use(void)
{
    stack_continue();
    return 0;
}

static inline void stack_unused(const int *unused)
{
    (void)unused;
    stack_pause();
}

/* Let the stack run until the test ends: other tests measure timers. */
#define STACK const int stack __attribute__((cleanup(stack_unused), unused)) = stack_in_use()

static inline bool fails_with(long result, int error)
{
    return result == -1 && errno == error;
}

static inline struct sockaddr_in address_of(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline int socket_of(int type)
{
    setenv("NET", "loopback", 1);
    return socket(AF_INET, type, 0);
}

static inline int bind_to(int fd, uint16_t port)
{
    const struct sockaddr_in a = address_of(port);

    return bind(fd, (const struct sockaddr *)&a, sizeof(a));
}

static inline int connect_to(int fd, uint16_t port)
{
    const struct sockaddr_in a = address_of(port);

    return connect(fd, (const struct sockaddr *)&a, sizeof(a));
}

static inline void close_socket(const int *fd)
{
    if (*fd >= 0)
        EXPECT_EQ(close(*fd), 0);
}

#define SOCKET(name, type) \
    const int name __attribute__((cleanup(close_socket))) = socket_of(type); \
    REQUIRE(name >= 0)

#endif
