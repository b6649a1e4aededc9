/*
 * printf for the kernel: %c %s %d %u %x %p %%, with l ll z, a width, '0' and '#'. A width above
 * 65535 counts as that. What else C11 7.21.6.1 has, and what is unknown, is printed as it stands.
 * The names differ from libc's so that a program linked with newlib gets newlib's own.
 */
#ifndef LIB_FORMAT_H
#define LIB_FORMAT_H

#include "lib/types.h"

/*
 * Write at most size bytes with the final NUL (nothing if size is 0). Return the length that the
 * whole text has, as C11 7.21.6.5 does.
 */
int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap) __printf(3, 0);
int ksnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

#endif
