/* SPDX-License-Identifier: MIT */
/*
 * read, write, pread, pwrite and lseek (IEEE Std 1003.1-2017), under the file system's lock, except
 * while a device is read or written.
 */
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "lib/newlib/files.h"
#include "lib/newlib/fs/devices.h"

static int fail(int error)
{
    errno = error;
    return -1;
}

/* What read, write, pread and pwrite are asked to move: to, or from if it writes. */
struct transfer {
    bool writes;
    void *to;
    const void *from;
    size_t len;
};

/* Read or write a device without the lock, which is held before and after. */
static int transfer_device(const struct transfer *t, const struct fs_device *device, off_t at,
                           size_t len)
{
    int n;

    fs_leave();
    n = t->writes ? device->write(device, at, t->from, len) : device->read(device, at, t->to, len);
    fs_enter();
    return n;
}

static int transfer_file(const struct transfer *t, struct fs_node *node, off_t at, size_t len)
{
    size_t written;
    int error;

    if (!t->writes)
        return (int)fs_read(node, at, t->to, len);
    error = fs_write(node, at, t->from, len, &written);
    return error ? -error : (int)written;
}

/* Read or write at a position; return the count or a negated errno. */
static int transfer_at(const struct transfer *t, struct open_file *file, off_t at)
{
    const size_t len = t->len < INT_MAX ? t->len : INT_MAX; /* newlib's read returns an int */

    if (!(t->writes ? fs_may_write(file) : fs_may_read(file)))
        return -EBADF;
    if (fs_is_directory(file->node))
        return -EISDIR;
    if (!len)
        return 0;
    if (file->node->device)
        return transfer_device(t, file->node->device, at, len);
    return transfer_file(t, file->node, at, len);
}

/* Read or write at the position, and move it. Return the count, or -1 and set errno. */
static int transfer_next(int fd, const struct transfer *t)
{
    struct open_file *file;
    int n = -EBADF;

    fs_enter();
    file = fs_file_get(fd);
    if (file) {
        if (t->writes && file->flags & O_APPEND && !file->node->device)
            file->position = file->node->size;
        n = transfer_at(t, file, file->position);
        file->position += n > 0 ? n : 0;
        fs_file_put(file);
    }
    fs_leave();
    return n < 0 ? fail(-n) : n;
}

int read(int fd, void *to, size_t len)
{
    return transfer_next(fd, &(struct transfer){.to = to, .len = len});
}

int write(int fd, const void *from, size_t len)
{
    return transfer_next(fd, &(struct transfer){.writes = true, .from = from, .len = len});
}

/* Return 0, or the error of a transfer at a position of the caller's. */
static int may_seek(const struct open_file *file, off_t at)
{
    if (!file)
        return EBADF;
    if (device_is_console(file->node->device) || S_ISSOCK(file->node->mode))
        return ESPIPE;
    return at < 0 ? EINVAL : 0;
}

/* Read or write at a position of the caller's. Return the count, or -1 and set errno. */
static int transfer_anywhere(int fd, const struct transfer *t, off_t at)
{
    struct open_file *file;
    int n;

    fs_enter();
    file = fs_file_get(fd);
    n = -may_seek(file, at);
    if (!n)
        n = transfer_at(t, file, at);
    if (file)
        fs_file_put(file);
    fs_leave();
    return n < 0 ? fail(-n) : n;
}

ssize_t pread(int fd, void *to, size_t len, off_t at)
{
    return transfer_anywhere(fd, &(struct transfer){.to = to, .len = len}, at);
}

ssize_t pwrite(int fd, const void *from, size_t len, off_t at)
{
    return transfer_anywhere(fd, &(struct transfer){.writes = true, .from = from, .len = len}, at);
}

static off_t size_of(const struct fs_node *node)
{
    return node->device ? fs_device_size(node->device) : node->size;
}

/* Move the position. Return 0 or an errno. */
static int seek_locked(struct open_file *file, off_t by, int origin, off_t *position)
{
    off_t from, to;

    if (origin != SEEK_SET && origin != SEEK_CUR && origin != SEEK_END)
        return EINVAL;
    from = origin == SEEK_CUR ? file->position : origin == SEEK_END ? size_of(file->node) : 0;
    if (__builtin_add_overflow(from, by, &to))
        return EOVERFLOW;
    if (to < 0)
        return EINVAL;
    *position = file->position = to;
    return 0;
}

off_t lseek(int fd, off_t by, int origin)
{
    off_t position = -1;
    int error;

    fs_enter();
    error = may_seek(fs_file_of(fd), 0);
    if (!error)
        error = seek_locked(fs_file_of(fd), by, origin, &position);
    return fs_leave_with(error) ? -1 : position;
}
