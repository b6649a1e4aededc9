/* SPDX-License-Identifier: MIT */
/* Descriptors of sockets: what calls.c and poll.c share. */
#ifndef LIB_NEWLIB_SOCKETS_CALLS_H
#define LIB_NEWLIB_SOCKETS_CALLS_H

#include "lib/newlib/files.h"

/*
 * Return lwIP's number of the socket, and count a use of its open file, which socket_put ends. Or
 * return -1 and set errno: EBADF, ENOTSOCK. socket_put leaves errno as it is.
 */
int socket_get(int fd, struct open_file **file);
void socket_put(struct open_file *file);

#endif
