/* SPDX-License-Identifier: MIT */
/*
 * Reading a tar archive in memory (IEEE Std 1003.1-2017, pax, "ustar Interchange Format"), with
 * GNU's long names. Pure and bounded: reads nothing but the archive's bytes, and trusts none.
 */
#ifndef LIB_NEWLIB_TAR_H
#define LIB_NEWLIB_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK    512
#define TAR_PATH_MAX 256 /* bytes of a path, with the NUL */

struct tar {
    const uint8_t *bytes;
    size_t size;
};

struct tar_entry {
    char path[TAR_PATH_MAX]; /* without "./" or "/" at the start, or "/" at the end */
    bool is_directory;
    const uint8_t *data;
    size_t size;
    uint64_t mtime; /* seconds since 1970 */
    size_t number;  /* of the entry in the archive */
};

enum tar_result {
    TAR_ENTRY,
    TAR_END,
    TAR_DAMAGED, /* cut off, a wrong checksum, or a field that is not a number */
};

/*
 * Read the next file or directory at or after *position, which begins at 0, and advance *position.
 * Links and devices are skipped. The entry's data is inside the archive's bytes.
 */
enum tar_result tar_next(const struct tar *archive, size_t *position, struct tar_entry *entry);

/*
 * Find path, which does not begin with '/'. "" is the root, which always exists. A directory exists
 * if it has an entry, or if a file in it has one.
 */
enum tar_result tar_find(const struct tar *archive, const char *path, struct tar_entry *entry);

#endif
