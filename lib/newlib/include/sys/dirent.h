/* SPDX-License-Identifier: MIT */
/* What newlib's dirent.h includes: the structs of a directory's entries and streams. */
#ifndef LIB_NEWLIB_SYS_DIRENT_H
#define LIB_NEWLIB_SYS_DIRENT_H

#include <sys/lock.h>
#include <sys/types.h>

/* newlib's opendir.c and readdir.c use the members by these names. */
typedef struct {
    int dd_fd;
    long dd_loc; /* offset of the next entry in dd_buf */
    long dd_seek;
    char *dd_buf;
    int dd_len;
    int dd_size;
    _LOCK_RECURSIVE_T dd_lock;
} DIR;

#define __dirfd(dir) ((dir)->dd_fd)

/* As getdents() fills them in. */
struct dirent {
    ino_t d_ino;
    off_t d_off;
    unsigned short d_reclen; /* bytes to the next entry */
    unsigned char d_type;
    char d_name[256];
};

#define DT_UNKNOWN 0
#define DT_CHR     2
#define DT_DIR     4
#define DT_BLK     6
#define DT_REG     8

#endif
