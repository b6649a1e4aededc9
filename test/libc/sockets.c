/* SPDX-License-Identifier: MIT */
/*
 * Sockets of programs (lib/newlib/sockets/), by 127.0.0.1, which every platform has. What needs an
 * interface is tried below a toolstack (tools/paravane/selftest/sockets.py).
 */
#include "test/harness/loop_net.h"
#include "test/harness/test.h"
#include "test/libc/signals.h"
#include "test/libc/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <net/frames.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORT     7000
#define PATIENCE 60000 /* ms */

/* Two ends of a connection. */
struct pair {
    int ends[2];
};

/* Return a socket that is bound to this port, also if a connection from there was closed lately. */
static int socket_at(uint16_t port)
{
    const int fd = socket_of(SOCK_STREAM), on = 1;

    EXPECT_EQ(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    EXPECT_EQ(bind_to(fd, port), 0);
    return fd;
}

static struct pair connection(void)
{
    const int listener = socket_at(PORT);
    struct pair p = {{-1, -1}};

    EXPECT_EQ(listen(listener, 1), 0);
    p.ends[0] = socket_of(SOCK_STREAM);
    EXPECT_EQ(connect_to(p.ends[0], PORT), 0);
    p.ends[1] = accept(listener, NULL, NULL);
    EXPECT_EQ(close(listener), 0);
    return p;
}

static void close_pair(const struct pair *p)
{
    close_socket(&p->ends[0]);
    close_socket(&p->ends[1]);
}

#define CONNECTION(name) \
    const struct pair name __attribute__((cleanup(close_pair))) = connection(); \
    REQUIRE(name.ends[0] >= 0 && name.ends[1] >= 0)

/* ---- TCP ------------------------------------------------------------------------------------- */

#define LARGE (1u << 20)

static unsigned char byte_at(unsigned position)
{
    return (unsigned char)(position * 7 % 251);
}

/* Send LARGE bytes in pieces of several sizes, and end the stream. */
static void *send_large(void *argument)
{
    const int fd = *(const int *)argument;
    static unsigned char bytes[20000];
    unsigned sent = 0;

    for (unsigned piece = 1; sent < LARGE; piece = piece * 3 % sizeof(bytes) + 1) {
        const unsigned n = piece < LARGE - sent ? piece : LARGE - sent;

        for (unsigned i = 0; i < n; i++)
            bytes[i] = byte_at(sent + i);
        if (write(fd, bytes, n) != (ssize_t)n)
            return (void *)1;
        sent += n;
    }
    return shutdown(fd, SHUT_WR) ? (void *)2 : NULL;
}

TEST(libc_sockets, a_stream_arrives_whole_and_ends)
{
    static unsigned char bytes[3000];
    unsigned position = 0, wrong = 0;
    pthread_t thread;
    void *result;
    int n;

    STACK;
    CONNECTION(c);
    REQUIRE(pthread_create(&thread, NULL, send_large, (void *)(uintptr_t)&c.ends[0]) == 0);
    while ((n = read(c.ends[1], bytes, sizeof(bytes))) > 0)
        for (int i = 0; i < n; i++)
            wrong += bytes[i] != byte_at(position++);
    EXPECT_EQ(n, 0);
    EXPECT_EQ(position, LARGE);
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(pthread_join(thread, &result), 0);
    EXPECT(!result);
    EXPECT_EQ(write(c.ends[1], "back", 4), 4);
    EXPECT_EQ(recv(c.ends[0], bytes, sizeof(bytes), 0), 4);
}

TEST(libc_sockets, waitall_and_peek_are_obeyed)
{
    char bytes[8] = "";

    STACK;
    CONNECTION(c);
    EXPECT_EQ(send(c.ends[0], "ab", 2, 0), 2);
    EXPECT_EQ(recv(c.ends[1], bytes, 1, MSG_PEEK), 1);
    EXPECT_EQ(send(c.ends[0], "cdef", 4, MSG_NOSIGNAL), 4);
    EXPECT_EQ(recv(c.ends[1], bytes, 6, MSG_WAITALL), 6);
    EXPECT(!memcmp(bytes, "abcdef", 6));
    EXPECT(fails_with(recv(c.ends[1], bytes, 1, MSG_DONTWAIT), EWOULDBLOCK));
    EXPECT(fails_with(recv(c.ends[1], bytes, 1, MSG_OOB), EOPNOTSUPP));
}

TEST(libc_sockets, both_ends_have_addresses)
{
    struct sockaddr_in own, other;
    socklen_t len = sizeof(own);

    STACK;
    CONNECTION(c);
    EXPECT_EQ(getpeername(c.ends[0], (struct sockaddr *)&other, &len), 0);
    EXPECT_EQ(len, sizeof(other));
    EXPECT_EQ(ntohs(other.sin_port), PORT);
    EXPECT_EQ(other.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    EXPECT_EQ(getsockname(c.ends[0], (struct sockaddr *)&own, &len), 0);
    EXPECT_EQ(getpeername(c.ends[1], (struct sockaddr *)&other, &len), 0);
    EXPECT_EQ(own.sin_port, other.sin_port);
}

TEST(libc_sockets, a_socket_is_closed_with_its_last_descriptor)
{
    char byte;
    int copy;

    STACK;
    CONNECTION(c);
    copy = dup(c.ends[0]);
    REQUIRE(copy >= 0);
    EXPECT_EQ(dup2(copy, c.ends[0]), c.ends[0]);
    EXPECT_EQ(write(copy, "x", 1), 1);
    EXPECT_EQ(close(copy), 0);
    EXPECT(fails_with(write(copy, "x", 1), EBADF));
    EXPECT_EQ(write(c.ends[0], "y", 1), 1);
    EXPECT_EQ(read(c.ends[1], &byte, 1), 1);
    EXPECT_EQ(read(c.ends[1], &byte, 1), 1);
    EXPECT_EQ(dup2(0, c.ends[0]), c.ends[0]);
    EXPECT_EQ(read(c.ends[1], &byte, 1), 0);
}

/* Do bytes arrive at the other end, both ways? */
static void expect_open(const struct pair *p)
{
    const struct timeval limit = {.tv_sec = 10};
    char byte = 0;

    for (int i = 0; i < 2; i++) {
        setsockopt(p->ends[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        EXPECT_EQ(write(p->ends[1 - i], "x", 1), 1);
        EXPECT_EQ(recv(p->ends[i], &byte, 1, 0), 1);
        EXPECT_EQ(byte, 'x');
    }
}

/*
 * One end has sent all and then reads the other one's end of the stream, and the connection is over
 * before the socket is closed: the stack's memory of it is another connection's by then.
 */
TEST(libc_sockets, closing_a_finished_connection_leaves_others_open)
{
    struct pair old = {{-1, -1}};
    struct pollfd fin;
    char byte;

    STACK;
    old = connection();
    REQUIRE(old.ends[0] >= 0 && old.ends[1] >= 0);
    EXPECT_EQ(shutdown(old.ends[0], SHUT_WR), 0);
    fin = (struct pollfd){.fd = old.ends[1], .events = POLLIN};
    EXPECT_EQ(poll(&fin, 1, PATIENCE), 1);
    EXPECT_EQ(shutdown(old.ends[1], SHUT_WR), 0);
    EXPECT_EQ(recv(old.ends[1], &byte, 1, 0), 0);
    EXPECT_EQ(recv(old.ends[0], &byte, 1, 0), 0);
    usleep(20000); /* until the last acknowledgement has arrived */
    CONNECTION(c);
    close_pair(&old);
    expect_open(&c);
}

/* The end that closes first remembers the connection for two minutes. */
TEST(libc_sockets, a_port_connects_again_during_time_wait)
{
    char byte;

    STACK;
    for (int i = 0; i < 4; i++) {
        const int listener __attribute__((cleanup(close_socket))) = socket_at(PORT);
        const int fd __attribute__((cleanup(close_socket))) = socket_at(PORT + 9);

        EXPECT_EQ(listen(listener, 1), 0);
        REQUIRE(connect_to(fd, PORT) == 0);
        const struct pair p = {{fd, accept(listener, NULL, NULL)}};
        expect_open(&p);
        EXPECT_EQ(close(p.ends[1]), 0);
        EXPECT_EQ(recv(fd, &byte, 1, 0), 0);
        EXPECT_EQ(shutdown(fd, SHUT_WR), 0);
        usleep(20000); /* until the last acknowledgement has arrived */
    }
}

TEST(libc_sockets, a_closed_port_refuses)
{
    STACK;
    SOCKET(fd, SOCK_STREAM);
    EXPECT(fails_with(connect_to(fd, 9), ECONNREFUSED));
}

TEST(libc_sockets, a_port_is_bound_once)
{
    STACK;
    SOCKET(first, SOCK_STREAM);
    SOCKET(second, SOCK_STREAM);
    EXPECT_EQ(bind_to(first, PORT + 1), 0);
    EXPECT_EQ(listen(first, 1), 0);
    EXPECT(fails_with(bind_to(second, PORT + 1), EADDRINUSE));
}

/* ---- UDP and raw IP -------------------------------------------------------------------------- */

TEST(libc_sockets, a_datagram_arrives_with_its_sender)
{
    static char sent[30000], received[sizeof(sent)];
    struct sockaddr_in to = address_of(PORT), from;
    socklen_t len = sizeof(from);

    STACK;
    SOCKET(a, SOCK_DGRAM);
    SOCKET(b, SOCK_DGRAM);
    EXPECT_EQ(bind_to(a, PORT + 2), 0);
    EXPECT_EQ(bind_to(b, PORT), 0);
    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (char)byte_at((unsigned)i);
    EXPECT_EQ(sendto(a, sent, sizeof(sent), 0, (struct sockaddr *)&to, sizeof(to)),
              (long)sizeof(sent));
    EXPECT_EQ(recvfrom(b, received, sizeof(received), 0, (struct sockaddr *)&from, &len),
              (long)sizeof(sent));
    EXPECT(!memcmp(sent, received, sizeof(sent)));
    EXPECT_EQ(ntohs(from.sin_port), PORT + 2);
}

TEST(libc_sockets, a_message_is_gathered_and_its_rest_cut_off)
{
    char parts[2][4] = {"abc", "def"}, received[5] = "";
    struct iovec from[2] = {{parts[0], 3}, {parts[1], 3}}, to = {received, 4};
    struct sockaddr_in address = address_of(PORT);
    const struct msghdr sent = {
        .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = from, .msg_iovlen = 2};
    struct msghdr message = {.msg_iov = &to, .msg_iovlen = 1};

    STACK;
    SOCKET(a, SOCK_DGRAM);
    SOCKET(b, SOCK_DGRAM);
    EXPECT_EQ(bind_to(b, PORT), 0);
    EXPECT_EQ(sendmsg(a, &sent, 0), 6);
    EXPECT_EQ(recvmsg(b, &message, 0), 6);
    EXPECT_EQ(message.msg_flags, MSG_TRUNC);
    EXPECT(!strcmp(received, "abcd"));
}

TEST(libc_sockets, raw_sockets_reach_the_echo)
{
    unsigned char request[12] = {8, 0, 0xb2, 0x98, 0x45, 0x67}, answer[64];
    struct sockaddr_in to = address_of(0);
    int raw;

    STACK;
    SOCKET(first, SOCK_DGRAM); /* it starts the stack */
    raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    REQUIRE(raw >= 0);
    EXPECT_EQ(sendto(raw, request, sizeof(request), 0, (struct sockaddr *)&to, sizeof(to)), 12);
    do
        REQUIRE(recv(raw, answer, sizeof(answer), 0) == 32);
    while (answer[20] == 8); /* this end receives the request, too */
    EXPECT_EQ(answer[20], 0);
    EXPECT_EQ(answer[24], 0x45);
    EXPECT_EQ(close(raw), 0);
}

/* ---- Waits ----------------------------------------------------------------------------------- */

TEST(libc_sockets, poll_and_select_wait_for_sockets)
{
    struct pollfd fds[3];
    struct timeval soon = {.tv_usec = 1000};
    fd_set reads;
    char byte;

    STACK;
    CONNECTION(c);
    fds[0] = (struct pollfd){.fd = c.ends[0], .events = POLLIN};
    fds[1] = (struct pollfd){.fd = c.ends[1], .events = POLLIN};
    fds[2] = (struct pollfd){.fd = -1, .events = POLLIN, .revents = 1};
    EXPECT_EQ(poll(fds, 3, 20), 0);
    EXPECT_EQ(fds[2].revents, 0);
    EXPECT_EQ(write(c.ends[0], "x", 1), 1);
    EXPECT_EQ(poll(fds, 3, PATIENCE), 1);
    EXPECT_EQ(fds[0].revents, 0);
    EXPECT_EQ(fds[1].revents, POLLIN);
    FD_ZERO(&reads);
    FD_SET(c.ends[0], &reads);
    FD_SET(c.ends[1], &reads);
    EXPECT_EQ(select(c.ends[1] + 1, &reads, NULL, NULL, NULL), 1);
    EXPECT(FD_ISSET(c.ends[1], &reads) && !FD_ISSET(c.ends[0], &reads));
    EXPECT_EQ(read(c.ends[1], &byte, 1), 1);
    EXPECT_EQ(select(c.ends[1] + 1, &reads, NULL, NULL, &soon), 0);
    EXPECT(!FD_ISSET(c.ends[1], &reads));
    fds[0].events = POLLOUT;
    EXPECT_EQ(poll(fds, 2, PATIENCE), 1);
    EXPECT_EQ(fds[0].revents, POLLOUT);
}

TEST(libc_sockets, files_are_always_ready_and_what_is_not_open_is_an_error)
{
    struct pollfd fds[2] = {{.fd = 1, .events = POLLOUT | POLLIN}, {.fd = 100, .events = POLLIN}};
    fd_set reads;

    EXPECT_EQ(poll(fds, 2, -1), 2);
    EXPECT_EQ(fds[0].revents, POLLOUT | POLLIN);
    EXPECT_EQ(fds[1].revents, POLLNVAL);
    FD_ZERO(&reads);
    FD_SET(100, &reads);
    EXPECT(fails_with(select(101, &reads, NULL, NULL, NULL), EBADF));
    EXPECT(fails_with(poll(fds, 129, 0), EINVAL));
    EXPECT_EQ(poll(NULL, 0, 1), 0);
}

TEST(libc_sockets, a_socket_that_does_not_wait_returns_at_once)
{
    const struct timeval limit = {.tv_usec = 30000};
    int count = 0;
    char byte;

    STACK;
    CONNECTION(c);
    EXPECT_EQ(fcntl(c.ends[0], F_SETFL, O_NONBLOCK), 0);
    EXPECT(fcntl(c.ends[0], F_GETFL, 0) & O_NONBLOCK);
    EXPECT(fails_with(read(c.ends[0], &byte, 1), EWOULDBLOCK));
    EXPECT_EQ(ioctl(c.ends[0], FIONBIO, &(int){0}), 0);
    EXPECT(!(fcntl(c.ends[0], F_GETFL, 0) & O_NONBLOCK));
    EXPECT_EQ(setsockopt(c.ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    EXPECT(fails_with(read(c.ends[0], &byte, 1), EWOULDBLOCK));
    EXPECT_EQ(write(c.ends[1], "xyz", 3), 3);
    EXPECT_EQ(poll(&(struct pollfd){.fd = c.ends[0], .events = POLLIN}, 1, PATIENCE), 1);
    EXPECT_EQ(ioctl(c.ends[0], FIONREAD, &count), 0);
    EXPECT_EQ(count, 3);
    EXPECT(fails_with(ioctl(c.ends[0], 0x1234, &count), ENOTTY));
    EXPECT(fails_with(ioctl(1, FIONBIO, &count), ENOTTY));
    EXPECT_EQ(ioctl(c.ends[0], FIONBIO, &(int){1}), 0);
    EXPECT(fcntl(c.ends[0], F_GETFL, 0) & O_NONBLOCK);
}

static volatile bool interrupted;

static void *receive_until_interrupted(void *argument)
{
    char byte;

    interrupted = fails_with(read(*(const int *)argument, &byte, 1), EINTR);
    return NULL;
}

static void *accept_until_cancelled(void *argument)
{
    accept(*(const int *)argument, NULL, NULL);
    return NULL;
}

TEST(libc_sockets, a_signal_ends_a_wait)
{
    STACK;
    CONNECTION(c);
    expect_interrupted(receive_until_interrupted, (void *)(uintptr_t)&c.ends[0], &interrupted);
}

TEST(libc_sockets, a_thread_that_waits_for_a_connection_is_cancelled)
{
    pthread_t thread;
    void *result;

    STACK;
    SOCKET(fd, SOCK_STREAM);
    EXPECT_EQ(bind_to(fd, PORT + 3), 0);
    EXPECT_EQ(listen(fd, 1), 0);
    REQUIRE(pthread_create(&thread, NULL, accept_until_cancelled, (void *)(uintptr_t)&fd) == 0);
    EXPECT_EQ(pthread_cancel(thread), 0);
    EXPECT_EQ(pthread_join(thread, &result), 0);
    EXPECT(result == PTHREAD_CANCELED);
}

/* ---- What cannot be done --------------------------------------------------------------------- */

TEST(libc_sockets, what_cannot_be_done_has_an_error)
{
    struct stat s;

    STACK;
    SOCKET(fd, SOCK_STREAM);
    EXPECT(fails_with(socket(AF_INET6, SOCK_STREAM, 0), EAFNOSUPPORT));
    EXPECT(fails_with(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT));
    EXPECT(fails_with(socket(AF_INET, 77, 0), EPROTOTYPE));
    EXPECT(fails_with(bind_to(1, PORT), ENOTSOCK));
    EXPECT(fails_with(bind_to(99, PORT), EBADF));
    EXPECT(fails_with(lseek(fd, 0, SEEK_SET), ESPIPE));
    EXPECT(fails_with(write(fd, "x", 1), ENOTCONN));
    EXPECT_EQ(fstat(fd, &s), 0);
    EXPECT(S_ISSOCK(s.st_mode));
    EXPECT(fails_with(setsockopt(fd, SOL_SOCKET, 0x7777, &s, 4), ENOPROTOOPT));
}

TEST(libc_sockets, descriptors_may_run_out)
{
    int fds[128], count = 0;

    STACK;
    while (count < 128 && (fds[count] = socket_of(SOCK_DGRAM)) >= 0)
        count++;
    EXPECT_EQ(count, 100);
    EXPECT_EQ(errno, ENFILE);
    while (count--)
        EXPECT_EQ(close(fds[count]), 0);
    SOCKET(fd, SOCK_DGRAM);
}

/* A message of DHCP has up to 576 bytes. */
TEST(libc_sockets, an_interface_on_which_dhcp_does_not_start_is_closed_again)
{
    int net;

    STACK;
    loop_net_set_mtu(500);
    loop_net_attach();
    EXPECT_EQ(stack_start_on(LOOP_NET_NAME, "dhcp"), EMSGSIZE);
    net = net_open(LOOP_NET_NAME);
    EXPECT(net >= 0 && net_close(net) == 0);
    loop_net_detach();
    loop_net_set_mtu(1500);
}
