/* SPDX-License-Identifier: MIT */
/* The programs' headers, which lwIP uses in place of its own, and what it wants besides. */
#ifndef ARCH_HEADERS_H
#define ARCH_HEADERS_H

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>

typedef int msg_iovlen_t;

#define IOV_MAX         1024
#define SO_BINDTODEVICE 0x100b
#define SIN_ZERO_LEN    8
#define IPPROTO_UDPLITE 136
#define IFNAMSIZ        8 /* of SO_BINDTODEVICE */

struct ifreq {
    char ifr_name[IFNAMSIZ];
};

#define inet_addr_to_ip4addr(to, from)   (ip4_addr_set_u32(to, (from)->s_addr))
#define inet_addr_from_ip4addr(to, from) ((to)->s_addr = ip4_addr_get_u32(from))

#endif
