/* SPDX-License-Identifier: MIT */
/* What files.c, paths.c and transfer.c share: the file system's lock, and descriptors. */
#ifndef LIB_NEWLIB_FILES_H
#define LIB_NEWLIB_FILES_H

#include <fcntl.h>

#include "lib/newlib/fs/fs.h"

struct open_file {
    unsigned users; /* descriptors, and calls that read or write a device; 0: free */
    struct fs_node *node;
    int flags; /* of open() */
    off_t position;
};

static inline bool fs_may_read(const struct open_file *file)
{
    return (file->flags & O_ACCMODE) != O_WRONLY;
}

static inline bool fs_may_write(const struct open_file *file)
{
    return (file->flags & O_ACCMODE) != O_RDONLY;
}

/* Lock the file system, and make it on the first call. */
void fs_enter(void);
void fs_leave(void);

/* Unlock, and return what POSIX's functions return: 0; or -1, with the error in errno. */
int fs_leave_with(int error);

/* Return a new file's mode without the bits of umask(). The caller has called fs_enter. */
mode_t fs_masked(mode_t mode);

/* Return the open file of a descriptor, or NULL. The caller has called fs_enter. */
struct open_file *fs_file_of(int fd);

/*
 * As fs_file_of, and count a use, which fs_file_put ends: it may close the file, and releases the
 * lock while a device is closed.
 */
struct open_file *fs_file_get(int fd);
void fs_file_put(struct open_file *file);

/* Open a device that is not in /dev. Return its descriptor; or a negated errno, and close it. */
int fs_install(const struct fs_device *device, int flags);

/* Return the node that a descriptor has open, or NULL. The caller has called fs_enter. */
struct fs_node *fs_node_of(int fd);

/* Return where its position is, or NULL. The caller has called fs_enter. */
off_t *fs_position_of(int fd);

#endif
