/* SPDX-License-Identifier: MIT */
/*
 * The error numbers that ops return, negated, and some more that the host reports to drivers. The
 * values are POSIX's and Xen's (xen/errno.h).
 */
#ifndef PV_ERRNO_H
#define PV_ERRNO_H

enum {
    EPERM = 1,
    ENOENT = 2,
    EIO = 5,
    ENXIO = 6,
    E2BIG = 7,
    EAGAIN = 11,
    ENOMEM = 12,
    EACCES = 13,
    EFAULT = 14,
    EBUSY = 16,
    EEXIST = 17,
    ENODEV = 19,
    EISDIR = 21,
    EINVAL = 22,
    ENOSPC = 28,
    EROFS = 30,
    ENOSYS = 38,
    ENOTEMPTY = 39,
    ETIME = 62,
    EOPNOTSUPP = 95,
    EISCONN = 106,
};

#endif
