/* SPDX-License-Identifier: MIT */
/*
 * The functions of sys/socket.h. A socket is a device (fs.h) to which an open file refers, so read,
 * write, close and dup are those of all files (files.c). The device's context is lwIP's number of
 * the socket. A call that uses a socket counts a use of the open file, and another thread's close
 * takes effect after it.
 *
 * Waits in accept and in the functions that receive are cancellation points, and end with EINTR
 * after a handler without SA_RESTART. In the others a handler runs, and the wait continues.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "lib/newlib/sockets/calls.h"
#include "lib/newlib/sockets/stack.h"
#include "lib/newlib/thread.h"

static int fail(int error)
{
    errno = error;
    return -1;
}

/* ---- Waits that end early -------------------------------------------------------------------- */

/* Return the result of a call that may have waited, which began when `interrupting` was read. */
static ssize_t after_wait(ssize_t result, uint32_t interrupting)
{
    if (result >= 0 || errno != EWOULDBLOCK)
        return result;
    pthread_testcancel();
    if (this_pthread()->interrupting != interrupting)
        errno = EINTR;
    return result;
}

/* ---- A socket as a device -------------------------------------------------------------------- */

static int number_of(const struct fs_device *device)
{
    return (int)device->context;
}

static int socket_read(const struct fs_device *device, off_t at, void *to, size_t len)
{
    const uint32_t interrupting = this_pthread()->interrupting;
    const ssize_t n = after_wait(lwip_recv(number_of(device), to, len, 0), interrupting);

    (void)at;
    return n < 0 ? -errno : (int)n;
}

static int socket_write(const struct fs_device *device, off_t at, const void *from, size_t len)
{
    const ssize_t n = lwip_send(number_of(device), from, len, 0);

    (void)at;
    return n < 0 ? -errno : (int)n;
}

static void socket_close(const struct fs_device *device)
{
    lwip_close(number_of(device));
    free((void *)(uintptr_t)device);
}

static int socket_control(const struct fs_device *device, unsigned long request, void *argument)
{
    if (request != FIONREAD)
        return ENOTTY;
    return lwip_ioctl(number_of(device), (long)request, argument) ? errno : 0;
}

static int socket_set_flags(const struct fs_device *device, int flags)
{
    return lwip_fcntl(number_of(device), F_SETFL, flags & O_NONBLOCK) ? errno : 0;
}

/* Return a descriptor for one of lwIP's sockets; or -1, and close the socket. */
static int socket_install(int number)
{
    struct fs_device *device;
    int fd;

    if (number < 0)
        return -1;
    device = malloc(sizeof(*device));
    if (!device) {
        lwip_close(number);
        return fail(ENOMEM);
    }
    *device = (struct fs_device){.name = "socket",
                                 .kind = S_IFSOCK,
                                 .read = socket_read,
                                 .write = socket_write,
                                 .close = socket_close,
                                 .control = socket_control,
                                 .set_flags = socket_set_flags,
                                 .context = (uintptr_t)number};
    fd = fs_install(device, O_RDWR);
    return fd < 0 ? fail(-fd) : fd;
}

int socket_get(int fd, struct open_file **file)
{
    int number = -EBADF;

    fs_enter();
    *file = fs_file_of(fd);
    if (*file)
        number = S_ISSOCK((*file)->node->mode) ? number_of((*file)->node->device) : -ENOTSOCK;
    if (number >= 0)
        fs_file_get(fd);
    fs_leave();
    return number >= 0 ? number : fail(-number);
}

void socket_put(struct open_file *file)
{
    const int error = errno;

    fs_enter();
    fs_file_put(file);
    fs_leave();
    errno = error;
}

/* A use of a socket that a cancellation ends, too. */
static void put_cancelled(void *file)
{
    socket_put(file);
}

/* ---- Making sockets -------------------------------------------------------------------------- */

/* Return 0 or why there is not such a socket. */
static int may_exist(int domain, int type, int protocol)
{
    if (domain != AF_INET)
        return EAFNOSUPPORT;
    if (type == SOCK_STREAM)
        return protocol && protocol != IPPROTO_TCP ? EPROTONOSUPPORT : 0;
    if (type == SOCK_DGRAM)
        return protocol && protocol != IPPROTO_UDP ? EPROTONOSUPPORT : 0;
    if (type == SOCK_RAW)
        return protocol <= 0 || protocol > 255 ? EPROTONOSUPPORT : 0;
    return EPROTOTYPE;
}

int socket(int domain, int type, int protocol)
{
    int error = may_exist(domain, type, protocol);

    if (!error)
        error = stack_start();
    return error ? fail(error) : socket_install(lwip_socket(domain, type, protocol));
}

int accept(int fd, struct sockaddr *address, socklen_t *len)
{
    const uint32_t interrupting = this_pthread()->interrupting;
    struct open_file *file;
    const int number = socket_get(fd, &file);
    int accepted;

    if (number < 0)
        return -1;
    pthread_cleanup_push(put_cancelled, file);
    accepted = (int)after_wait(lwip_accept(number, address, len), interrupting);
    pthread_cleanup_pop(1);
    return socket_install(accepted);
}

/* ---- Addresses and options ------------------------------------------------------------------- */

/* Define a function that calls lwIP's with the socket's number in place of the descriptor. */
#define SOCKET_CALL(type, name, parameters, ...) \
    type name parameters \
    { \
        struct open_file *file; \
        const int number = socket_get(fd, &file); \
        type result; \
\
        if (number < 0) \
            return -1; \
        result = lwip_##name(number, ##__VA_ARGS__); \
        socket_put(file); \
        return result; \
    }

SOCKET_CALL(int, bind, (int fd, const struct sockaddr *address, socklen_t len), address, len)
SOCKET_CALL(int, listen, (int fd, int backlog), backlog)
SOCKET_CALL(int, shutdown, (int fd, int how), how)
SOCKET_CALL(int, getsockname, (int fd, struct sockaddr *address, socklen_t *len), address, len)
SOCKET_CALL(int, getpeername, (int fd, struct sockaddr *address, socklen_t *len), address, len)
SOCKET_CALL(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *len), level,
            name, value, len)
SOCKET_CALL(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t len), level,
            name, value, len)

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    struct open_file *file;
    const int number = socket_get(fd, &file);
    int result;

    if (number < 0)
        return -1;
    result = lwip_connect(number, address, len);
    if (result && errno == ECONNRESET)
        errno = ECONNREFUSED; /* lwIP has one error for both */
    socket_put(file);
    return result;
}

/* ---- Sending and receiving ------------------------------------------------------------------- */

/* Return whether the flags ask for what lwIP would ignore or misread. */
static bool refused(int flags, int known)
{
    if (!(flags & ~known))
        return false;
    errno = EOPNOTSUPP;
    return true;
}

#define SEND_FLAGS    (MSG_DONTWAIT | MSG_MORE | MSG_NOSIGNAL)
#define RECEIVE_FLAGS (MSG_DONTWAIT | MSG_PEEK | MSG_WAITALL | MSG_NOSIGNAL)
#define LEN_MAX       ((size_t)INT_MAX)

ssize_t sendto(int fd, const void *from, size_t len, int flags, const struct sockaddr *to,
               socklen_t tolen)
{
    struct open_file *file;
    const int number = refused(flags, SEND_FLAGS) ? -1 : socket_get(fd, &file);
    ssize_t n;

    if (number < 0)
        return -1;
    n = lwip_sendto(number, from, len < LEN_MAX ? len : LEN_MAX, flags & ~MSG_NOSIGNAL, to, tolen);
    socket_put(file);
    return n;
}

ssize_t send(int fd, const void *from, size_t len, int flags)
{
    struct open_file *file;
    const int number = refused(flags, SEND_FLAGS) ? -1 : socket_get(fd, &file);
    ssize_t n;

    if (number < 0)
        return -1;
    n = lwip_send(number, from, len < LEN_MAX ? len : LEN_MAX, flags & ~MSG_NOSIGNAL);
    socket_put(file);
    return n;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct open_file *file;
    const int number = refused(flags, SEND_FLAGS) ? -1 : socket_get(fd, &file);
    ssize_t n;

    if (number < 0)
        return -1;
    n = lwip_sendmsg(number, message, flags & ~MSG_NOSIGNAL);
    socket_put(file);
    return n;
}

/* Receive len bytes of a stream, fewer at its end or if an error comes first. */
static ssize_t receive_all(int number, char *to, size_t len)
{
    size_t done = 0;
    ssize_t n = 1;

    while (done < len && n > 0) {
        n = lwip_recv(number, to + done, len - done, 0);
        done += n > 0 ? (size_t)n : 0;
    }
    return done ? (ssize_t)done : n;
}

static bool is_stream(int number)
{
    socklen_t len = sizeof(int);
    int type;

    return !lwip_getsockopt(number, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_STREAM;
}

static ssize_t receive(int number, void *to, size_t len, int flags, struct sockaddr *from,
                       socklen_t *fromlen)
{
    const bool all = (flags & (MSG_WAITALL | MSG_PEEK | MSG_DONTWAIT)) == MSG_WAITALL;

    len = len < LEN_MAX ? len : LEN_MAX;
    if (all && is_stream(number))
        return receive_all(number, to, len);
    return lwip_recvfrom(number, to, len, flags & (MSG_PEEK | MSG_DONTWAIT), from, fromlen);
}

ssize_t recvfrom(int fd, void *to, size_t len, int flags, struct sockaddr *from, socklen_t *fromlen)
{
    const uint32_t interrupting = this_pthread()->interrupting;
    struct open_file *file;
    const int number = refused(flags, RECEIVE_FLAGS) ? -1 : socket_get(fd, &file);
    ssize_t n;

    if (number < 0)
        return -1;
    pthread_cleanup_push(put_cancelled, file);
    n = after_wait(receive(number, to, len, flags, from, fromlen), interrupting);
    pthread_cleanup_pop(1);
    return n;
}

ssize_t recv(int fd, void *to, size_t len, int flags)
{
    return recvfrom(fd, to, len, flags, NULL, NULL);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    const uint32_t interrupting = this_pthread()->interrupting;
    struct open_file *file;
    const int number = refused(flags, MSG_PEEK | MSG_DONTWAIT) ? -1 : socket_get(fd, &file);
    ssize_t n;

    if (number < 0)
        return -1;
    pthread_cleanup_push(put_cancelled, file);
    n = after_wait(lwip_recvmsg(number, message, flags), interrupting);
    pthread_cleanup_pop(1);
    return n;
}
