/* SPDX-License-Identifier: MIT */
/* The reader of tar archives that tar.h describes. */
#include "lib/newlib/tar.h"

#include <string.h>

/* Offsets in a header block, and lengths of the fields. */
enum {
    NAME = 0,
    NAME_LEN = 100,
    SIZE = 124,
    MTIME = 136,
    NUMBER_LEN = 12,
    CHECKSUM = 148,
    CHECKSUM_LEN = 8,
    TYPE = 156,
    MAGIC = 257,
    PREFIX = 345,
    PREFIX_LEN = 155,
};

enum {
    TYPE_FILE = '0',
    TYPE_FILE_OLD = '\0',
    TYPE_DIRECTORY = '5',
    TYPE_FILE_CONTIGUOUS = '7',
    TYPE_GNU_LONG_NAME = 'L',
};

/* Read a number: octal digits between blanks and NULs, at least one. */
static bool read_octal(const uint8_t *field, size_t len, uint64_t *value)
{
    size_t i = 0, first;

    *value = 0;
    while (i < len && field[i] == ' ')
        i++;
    first = i;
    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
        *value = *value * 8 + (field[i] - '0'); /* 12 digits are 36 bits */
    return i > first && (i == len || field[i] == ' ' || field[i] == '\0');
}

/* Return whether the checksum is the sum of the header's bytes, its own counted as blanks. */
static bool checksum_holds(const uint8_t *block)
{
    uint64_t written, sum = 0;

    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= CHECKSUM && i < CHECKSUM + CHECKSUM_LEN ? ' ' : block[i];
    return read_octal(block + CHECKSUM, CHECKSUM_LEN, &written) && written == sum;
}

static bool is_zero(const uint8_t *block)
{
    for (size_t i = 0; i < TAR_BLOCK; i++)
        if (block[i])
            return false;
    return true;
}

/* Append text, at most len bytes up to a NUL, to path. Return false if it does not fit. */
static bool path_append(char *path, const void *text, size_t len)
{
    size_t used = strlen(path);

    len = strnlen(text, len);
    if (used + len >= TAR_PATH_MAX)
        return false;
    memcpy(path + used, text, len);
    path[used + len] = '\0';
    return true;
}

/* Bring a path into the form of tar_find: no "./" or "/" at the start, no "/" at the end. */
static void normalise(char *path)
{
    const char *from = path;
    size_t len;

    while (from[0] == '/' || (from[0] == '.' && from[1] == '/'))
        from++;
    len = strlen(from);
    memmove(path, from, len + 1);
    while (len > 0 && path[len - 1] == '/')
        path[--len] = '\0';
    if (!strcmp(path, "."))
        path[0] = '\0';
}

static bool read_name(const uint8_t *block, char *path)
{
    path[0] = '\0';
    if (!memcmp(block + MAGIC, "ustar\0", 6) && block[PREFIX])
        if (!path_append(path, block + PREFIX, PREFIX_LEN) || !path_append(path, "/", 1))
            return false;
    return path_append(path, block + NAME, NAME_LEN);
}

static bool is_file(uint8_t type)
{
    return type == TYPE_FILE || type == TYPE_FILE_OLD || type == TYPE_FILE_CONTIGUOUS;
}

/*
 * Fill all of *e except the path and the number. Return false if the header is damaged or the data
 * is cut off.
 */
static bool read_header(const struct tar *archive, size_t position, struct tar_entry *e)
{
    const uint8_t *block = archive->bytes + position;
    uint64_t size;

    if (!checksum_holds(block) || !read_octal(block + SIZE, NUMBER_LEN, &size) ||
        !read_octal(block + MTIME, NUMBER_LEN, &e->mtime))
        return false;
    e->is_directory = block[TYPE] == TYPE_DIRECTORY;
    e->data = block + TAR_BLOCK;
    e->size = size;
    return size <= archive->size - position - TAR_BLOCK;
}

/*
 * Return the position after an entry's data, which fills whole blocks; the last block of an archive
 * may be short.
 */
static size_t next_position(const struct tar *archive, size_t position, size_t size)
{
    size_t left = archive->size - position - TAR_BLOCK;
    size_t padded = (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;

    return position + TAR_BLOCK + (padded < left ? padded : left);
}

enum tar_result tar_next(const struct tar *archive, size_t *position, struct tar_entry *entry)
{
    char long_name[TAR_PATH_MAX] = "";

    for (;;) {
        const uint8_t *block = archive->bytes + *position;

        if (archive->size - *position < TAR_BLOCK)
            return TAR_DAMAGED;
        if (is_zero(block))
            return TAR_END;
        if (!read_header(archive, *position, entry))
            return TAR_DAMAGED;
        *position = next_position(archive, *position, entry->size);
        if (block[TYPE] == TYPE_GNU_LONG_NAME) {
            long_name[0] = '\0';
            if (!path_append(long_name, entry->data, entry->size))
                return TAR_DAMAGED;
            continue;
        }
        if (is_file(block[TYPE]) || entry->is_directory)
            break;
        long_name[0] = '\0';
    }
    if (long_name[0])
        memcpy(entry->path, long_name, sizeof(long_name));
    else if (!read_name(archive->bytes + (entry->data - archive->bytes) - TAR_BLOCK, entry->path))
        return TAR_DAMAGED;
    normalise(entry->path);
    return TAR_ENTRY;
}

enum tar_result tar_find(const struct tar *archive, const char *path, struct tar_entry *entry)
{
    size_t position = 0, number = 0, len = strlen(path);
    enum tar_result result = TAR_ENTRY;

    while (len > 0 && (result = tar_next(archive, &position, entry)) == TAR_ENTRY) {
        entry->number = ++number;
        if (!strcmp(entry->path, path))
            return TAR_ENTRY;
        if (!strncmp(entry->path, path, len) && entry->path[len] == '/')
            break;
    }
    if (result != TAR_ENTRY)
        return result;
    *entry = (struct tar_entry){.is_directory = true, .number = number};
    return TAR_ENTRY;
}
