/* SPDX-License-Identifier: MIT */
/* Controls of devices. Sockets have two; for other files ioctl fails with ENOTTY. */
#ifndef LIB_NEWLIB_SYS_IOCTL_H
#define LIB_NEWLIB_SYS_IOCTL_H

#define FIONBIO  0x8004667eul /* const int *: return at once in place of waiting, or wait */
#define FIONREAD 0x4004667ful /* int *: how many bytes can be received */

int ioctl(int fd, unsigned long request, ...);

#endif
