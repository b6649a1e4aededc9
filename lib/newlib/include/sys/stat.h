/* SPDX-License-Identifier: MIT */
/* newlib's sys/stat.h, which declares lstat for some systems only. */
#ifndef LIB_NEWLIB_SYS_STAT_H
#define LIB_NEWLIB_SYS_STAT_H

#include_next <sys/stat.h>

int lstat(const char *__restrict path, struct stat *__restrict s);

#endif
