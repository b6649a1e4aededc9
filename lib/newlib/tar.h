/*
 * A tar archive in memory, as POSIX describes it (IEEE Std 1003.1-2017, pax, "ustar Interchange
 * Format"), with GNU's long names. Pure: looks at nothing but the bytes it is given.
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
    char path[TAR_PATH_MAX]; /* without "./" or "/" before, without "/" behind */
    bool is_directory;
    const uint8_t *data;
    size_t size;
    uint64_t mtime; /* seconds since 1970 */
    size_t number;  /* of the entry in the archive */
};

enum tar_result {
    TAR_ENTRY,
    TAR_END,
    TAR_DAMAGED, /* cut off, a wrong checksum, no number where there must be one */
};

/*
 * Reads the next file or directory from *position on, 0 at first, and moves *position behind it.
 * Links and devices are passed over. The entry's data lies inside of the archive's bytes.
 */
enum tar_result tar_next(const struct tar *archive, size_t *position, struct tar_entry *entry);

/* Finds path, which begins with no '/'. "" is the root, always there. A directory need not have an
 * entry of its own if a file lies in it. */
enum tar_result tar_find(const struct tar *archive, const char *path, struct tar_entry *entry);

#endif
