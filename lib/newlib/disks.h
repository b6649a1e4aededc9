/* SPDX-License-Identifier: MIT */
/* The disks in /dev. */
#ifndef LIB_NEWLIB_DISKS_H
#define LIB_NEWLIB_DISKS_H

/*
 * Add the disks that the kernel has got since the last call. One that cannot be added, for lack of
 * memory or because a file of the module has its name, is missing. The caller holds the file
 * system's lock.
 */
void disks_update(void);

#endif
