/* SPDX-License-Identifier: MIT */
/* The walk along a path, which all functions that take one begin with. */
#ifndef LIB_NEWLIB_FS_PATH_H
#define LIB_NEWLIB_FS_PATH_H

#include "lib/newlib/fs/fs.h"

struct fs_place {
    struct fs_node *directory; /* of the last component; NULL if that is "/", "." or ".." */
    const char *name;          /* the last component, len bytes */
    size_t len;
    struct fs_entry *entry; /* of that name, or NULL */
    struct fs_node *node;   /* what the path names, or NULL if its last component is missing */
    bool wants_directory;   /* the path ends in '/', "." or ".." */
};

/*
 * Walk to the last component. Return 0 even if that is missing; or ENOENT if one before it is,
 * ENOTDIR, ENAMETOOLONG, or EIO where ENOENT is not certain because the module is damaged.
 */
int fs_walk(const char *path, struct fs_place *place);

/* Return the error for a missing last component: ENOENT, or EIO as above. */
int fs_missing(const struct fs_place *place);

#endif
