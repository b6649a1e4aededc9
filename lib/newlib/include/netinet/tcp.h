/* SPDX-License-Identifier: MIT */
/* Options of IPPROTO_TCP. TCP_KEEPALIVE is in milliseconds, TCP_KEEPIDLE in seconds. */
#ifndef LIB_NEWLIB_NETINET_TCP_H
#define LIB_NEWLIB_NETINET_TCP_H

#define TCP_NODELAY   1
#define TCP_KEEPALIVE 2
#define TCP_KEEPIDLE  3
#define TCP_KEEPINTVL 4
#define TCP_KEEPCNT   5

#endif
