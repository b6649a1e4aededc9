/* SPDX-License-Identifier: MIT */
/* The error numbers that ops return, negated. The values are POSIX's and Xen's (xen/errno.h). */
#ifndef PV_ERRNO_H
#define PV_ERRNO_H

enum {
    EPERM = 1,
    ENOENT = 2,
    EIO = 5,
    ENOMEM = 12,
    EFAULT = 14,
    EBUSY = 16,
    EEXIST = 17,
    ENODEV = 19,
    EINVAL = 22,
    ENOSPC = 28,
    ETIME = 62,
    EOPNOTSUPP = 95,
};

#endif
