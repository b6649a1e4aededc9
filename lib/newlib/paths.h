/* SPDX-License-Identifier: MIT */
/* Path look-up: the boot module's files, and the devices of /dev. */
#ifndef LIB_NEWLIB_PATHS_H
#define LIB_NEWLIB_PATHS_H

#include <sys/types.h>

#include "lib/newlib/tar.h"

enum node_kind {
    NODE_NONE,
    NODE_FILE,
    NODE_DIRECTORY,
    NODE_CONSOLE,
    NODE_INPUT, /* the standard input: the console, or what ./run.sh sends over it */
    NODE_NULL,
    NODE_ZERO,
    NODE_RANDOM,
};

struct node {
    enum node_kind kind;
    const unsigned char *data; /* NODE_FILE */
    size_t size;
    time_t mtime;
    ino_t number;
};

/*
 * Find what path names, and fill *node. Return 0 or an errno: ENOENT, ENOTDIR, ENAMETOOLONG, or EIO
 * if the module is damaged and the path is not in the part that can be read. A relative path begins
 * at "/".
 */
int path_find(const char *path, struct node *node);

#endif
