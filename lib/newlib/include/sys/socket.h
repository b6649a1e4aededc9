/* SPDX-License-Identifier: MIT */
/*
 * Sockets (IEEE Std 1003.1-2017; lib/newlib/sockets/): TCP, UDP and raw IP on IPv4. A descriptor of
 * a socket is one of the program's descriptors: read, write, close, dup, fcntl, ioctl, fstat, poll
 * and select take it, too.
 *
 * lwIP is compiled with this header, so the structs are one and the same. The values of
 * SO_REUSEADDR, SO_KEEPALIVE and SO_BROADCAST are those that lwIP uses internally.
 */
#ifndef LIB_NEWLIB_SYS_SOCKET_H
#define LIB_NEWLIB_SYS_SOCKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef uint16_t sa_family_t;
typedef uint32_t socklen_t;

struct sockaddr {
    sa_family_t sa_family;
    char sa_data[14];
};

struct sockaddr_storage {
    sa_family_t ss_family;
    char ss_padding[6];
    uint64_t ss_align[3];
};

struct msghdr {
    void *msg_name;
    socklen_t msg_namelen;
    struct iovec *msg_iov;
    int msg_iovlen;
    void *msg_control;
    socklen_t msg_controllen;
    int msg_flags;
};

struct cmsghdr {
    socklen_t cmsg_len;
    int cmsg_level;
    int cmsg_type;
};

#define CMSG_ALIGN(len) (((len) + sizeof(long) - 1) & ~(sizeof(long) - 1))
#define CMSG_SPACE(len) (CMSG_ALIGN(sizeof(struct cmsghdr)) + CMSG_ALIGN(len))
#define CMSG_LEN(len)   (CMSG_ALIGN(sizeof(struct cmsghdr)) + (len))
#define CMSG_DATA(c)    ((unsigned char *)(c) + CMSG_ALIGN(sizeof(struct cmsghdr)))
#define CMSG_FIRSTHDR(m) \
    ((m)->msg_controllen >= sizeof(struct cmsghdr) ? (struct cmsghdr *)(m)->msg_control \
                                                   : (struct cmsghdr *)0)
/* There is at most one. */
#define CMSG_NXTHDR(m, c) ((struct cmsghdr *)0)

struct linger {
    int l_onoff;
    int l_linger; /* seconds */
};

#define AF_UNSPEC 0
#define AF_INET   2
#define AF_INET6  10 /* socket() refuses it: EAFNOSUPPORT */
#define PF_UNSPEC AF_UNSPEC
#define PF_INET   AF_INET
#define PF_INET6  AF_INET6

#define SOCK_STREAM 1
#define SOCK_DGRAM  2
#define SOCK_RAW    3

#define SOMAXCONN 64

#define SOL_SOCKET   0xfff
#define SO_REUSEADDR 0x0004
#define SO_KEEPALIVE 0x0008
#define SO_BROADCAST 0x0020
/* These are kept elsewhere in lwIP. Options that are not here do not exist. */
#define SO_ACCEPTCONN 0x0002
#define SO_LINGER     0x0080
#define SO_RCVBUF     0x1002
#define SO_SNDTIMEO   0x1005
#define SO_RCVTIMEO   0x1006
#define SO_ERROR      0x1007
#define SO_TYPE       0x1008
#define SO_NO_CHECK   0x100a

#define MSG_PEEK     0x01
#define MSG_WAITALL  0x02
#define MSG_OOB      0x04 /* refused: EOPNOTSUPP */
#define MSG_TRUNC    0x04
#define MSG_DONTWAIT 0x08
#define MSG_CTRUNC   0x08
#define MSG_MORE     0x10
#define MSG_NOSIGNAL 0x20 /* always so: SIGPIPE is never generated */

#define SHUT_RD   0
#define SHUT_WR   1
#define SHUT_RDWR 2

/*
 * Each returns -1 and sets errno on failure. The first call of socket() starts the stack, and may
 * wait 10 s for an address (docs/apps.md, "Sockets"); it fails with ENETDOWN if the machine has no
 * network interface, and with EINVAL if the word NET= is wrong. Both are reported in one line.
 */
int socket(int domain, int type, int protocol);
int bind(int fd, const struct sockaddr *address, socklen_t len);
int connect(int fd, const struct sockaddr *address, socklen_t len);
int listen(int fd, int backlog);
int accept(int fd, struct sockaddr *address, socklen_t *len);
int shutdown(int fd, int how);
int getsockname(int fd, struct sockaddr *address, socklen_t *len);
int getpeername(int fd, struct sockaddr *address, socklen_t *len);
int getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int setsockopt(int fd, int level, int name, const void *value, socklen_t len);
ssize_t recv(int fd, void *to, size_t len, int flags);
ssize_t recvfrom(int fd, void *to, size_t len, int flags, struct sockaddr *from,
                 socklen_t *fromlen);
ssize_t recvmsg(int fd, struct msghdr *message, int flags);
ssize_t send(int fd, const void *from, size_t len, int flags);
ssize_t sendto(int fd, const void *from, size_t len, int flags, const struct sockaddr *to,
               socklen_t tolen);
ssize_t sendmsg(int fd, const struct msghdr *message, int flags);

#endif
