/* SPDX-License-Identifier: MIT */
/*
 * printf for the kernel: %c %s %d %u %x %p %%, with l ll z, a width, '0' and '#'. A width above
 * 65535 counts as 65535. Any other conversion is printed unchanged, without an argument. The names
 * differ from libc's, so that a program linked with newlib gets newlib's functions.
 */
#ifndef LIB_FORMAT_H
#define LIB_FORMAT_H

#include "lib/types.h"

/*
 * Write at most size bytes, the final NUL included (nothing if size is 0). Return the length of the
 * whole text, as C11 7.21.6.5 does.
 */
int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap) __printf(3, 0);
int ksnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

#endif
