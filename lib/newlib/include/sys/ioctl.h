/* SPDX-License-Identifier: MIT */
/* Controls of devices, of which programs' devices have none: ioctl fails with ENOTTY. */
#ifndef LIB_NEWLIB_SYS_IOCTL_H
#define LIB_NEWLIB_SYS_IOCTL_H

int ioctl(int fd, unsigned long request, ...);

#endif
