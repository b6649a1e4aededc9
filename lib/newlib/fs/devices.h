/* SPDX-License-Identifier: MIT */
/* The devices that /dev always has. */
#ifndef LIB_NEWLIB_FS_DEVICES_H
#define LIB_NEWLIB_FS_DEVICES_H

#include "lib/newlib/fs/fs.h"

/* Add them to the tree. */
int devices_add(void);

bool device_is_console(const struct fs_device *device);

/* Return whether this is the standard input, and a file or a pipe is at its other end. */
bool device_is_pipe(const struct fs_device *device);

#endif
