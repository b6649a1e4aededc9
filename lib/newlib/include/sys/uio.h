/* SPDX-License-Identifier: MIT */
/* Buffers of sendmsg and recvmsg (POSIX). readv and writev do not exist. */
#ifndef LIB_NEWLIB_SYS_UIO_H
#define LIB_NEWLIB_SYS_UIO_H

#include <stddef.h>

struct iovec {
    void *iov_base;
    size_t iov_len;
};

#endif
