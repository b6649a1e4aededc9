/* SPDX-License-Identifier: MIT */
/* What files.c and paths.c share: the file system's lock, and descriptors. */
#ifndef LIB_NEWLIB_FILES_H
#define LIB_NEWLIB_FILES_H

#include "lib/newlib/fs/fs.h"

/* Lock the file system, and make it on the first call. */
void fs_enter(void);
void fs_leave(void);

/* Unlock, and return what POSIX's functions return: 0; or -1, with the error in errno. */
int fs_leave_with(int error);

/* Return a new file's mode without the bits of umask(). The caller has called fs_enter. */
mode_t fs_masked(mode_t mode);

/* Return the node that a descriptor has open, or NULL. The caller has called fs_enter. */
struct fs_node *fs_node_of(int fd);

/* Return where its position is, or NULL. The caller has called fs_enter. */
off_t *fs_position_of(int fd);

#endif
