/* SPDX-License-Identifier: MIT */
/*
 * File descriptors: open, read, write and the like. Descriptors 0, 1 and 2 are the console from the
 * start. Files are those of the boot module and of /dev (paths.h). The file system is read-only,
 * and errors are those of POSIX (IEEE Std 1003.1-2017).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/lock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/services.h"
#include "lib/newlib/paths.h"
#include "lib/newlib/thread.h"

#define FILES_MAX 32
#define CTRL_D    4

struct file {
    struct node node;
    int flags; /* of open() */
    off_t position;
};

static struct file files[FILES_MAX] = {
    {.node.kind = NODE_INPUT, .flags = O_RDWR},
    {.node.kind = NODE_CONSOLE, .flags = O_RDWR},
    {.node.kind = NODE_CONSOLE, .flags = O_RDWR},
};

/* Guards which descriptors are in use, and their positions. */
static struct __lock lock;

/* Held while a thread waits for console input. */
static struct __lock console_lock;

static int fail(int error)
{
    errno = error;
    return -1;
}

static struct file *file_of(int fd)
{
    if (fd < 0 || fd >= FILES_MAX || files[fd].node.kind == NODE_NONE) {
        errno = EBADF;
        return NULL;
    }
    return &files[fd];
}

static bool is_console(const struct node *node)
{
    return node->kind == NODE_CONSOLE || node->kind == NODE_INPUT;
}

static bool for_writing(int flags)
{
    return (flags & O_ACCMODE) == O_WRONLY || (flags & O_ACCMODE) == O_RDWR;
}

static int may_open(const struct node *node, int flags)
{
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return EEXIST;
    if (node->kind != NODE_DIRECTORY && flags & O_DIRECTORY)
        return ENOTDIR;
    if (node->kind == NODE_DIRECTORY && (for_writing(flags) || flags & O_CREAT))
        return EISDIR;
    if (node->kind == NODE_FILE && (for_writing(flags) || flags & O_TRUNC))
        return EROFS;
    return 0;
}

/* Return the lowest free descriptor, now in use for this file, or -1. */
static int new_descriptor(struct file file)
{
    int fd = 0;

    __retarget_lock_acquire(&lock);
    while (fd < FILES_MAX && files[fd].node.kind != NODE_NONE)
        fd++;
    if (fd < FILES_MAX)
        files[fd] = file;
    __retarget_lock_release(&lock);
    return fd < FILES_MAX ? fd : -1;
}

int open(const char *path, int flags, ...)
{
    struct node node;
    int fd = -1, error = path_find(path, &node);

    if (error == ENOENT && flags & O_CREAT)
        error = EROFS;
    if (!error)
        error = may_open(&node, flags);
    if (!error)
        fd = new_descriptor((struct file){.node = node, .flags = flags});
    if (!error && fd < 0)
        error = EMFILE;
    return error ? fail(error) : fd;
}

int close(int fd)
{
    struct file *f = file_of(fd);

    if (!f)
        return -1;
    f->node.kind = NODE_NONE;
    return 0;
}

/* Read up to the end of a line. If a person types, Ctrl-D ends it too, or the file if it is first.
 */
static int read_line(char *to, size_t len)
{
    const bool typed = libc_console_kind() == LIBC_CONSOLE_KEYS;
    size_t n = 0;
    int got;

    while (n < len && (got = libc_console_read(to + n, 1)) > 0) {
        if (typed && to[n] == CTRL_D)
            break;
        if (typed && to[n] == '\r')
            to[n] = '\n';
        if (to[n++] == '\n')
            break;
    }
    return n || got >= 0 ? (int)n : -1;
}

static int read_console(char *to, size_t len)
{
    int n;

    if (!len)
        return 0;
    __retarget_lock_acquire(&console_lock);
    n = libc_console_kind() == LIBC_CONSOLE_PIPE ? libc_console_read(to, len) : read_line(to, len);
    __retarget_lock_release(&console_lock);
    return n < 0 ? fail(EIO) : n;
}

static int read_file(struct file *f, void *to, size_t len)
{
    size_t at, left, n;

    __retarget_lock_acquire(&lock);
    at = (size_t)f->position;
    left = at < f->node.size ? f->node.size - at : 0;
    n = len < left ? len : left;
    f->position += (off_t)n;
    __retarget_lock_release(&lock);
    memcpy(to, f->node.data + (n ? at : 0), n);
    return (int)n;
}

int read(int fd, void *to, size_t len)
{
    struct file *f = file_of(fd);

    if (!f)
        return -1;
    if ((f->flags & O_ACCMODE) == O_WRONLY)
        return fail(EBADF);
    if (len > INT_MAX) /* newlib's read and write return an int */
        len = INT_MAX;
    switch (f->node.kind) {
    case NODE_FILE:
        return read_file(f, to, len);
    case NODE_DIRECTORY:
        return fail(EISDIR);
    case NODE_INPUT:
    case NODE_CONSOLE:
        return read_console(to, len);
    case NODE_ZERO:
        memset(to, 0, len);
        return (int)len;
    case NODE_RANDOM:
        libc_random(to, len);
        return (int)len;
    default:
        return 0;
    }
}

int write(int fd, const void *from, size_t len)
{
    struct file *f = file_of(fd);

    if (!f)
        return -1;
    if (!for_writing(f->flags))
        return fail(EBADF);
    if (len > INT_MAX)
        len = INT_MAX;
    if (is_console(&f->node))
        libc_console_write(from, len);
    return (int)len;
}

/* Return 0 and move the position, or return an error number. The lock is held. */
static int seek_locked(struct file *f, off_t by, int origin, off_t *position)
{
    off_t from, to;

    switch (origin) {
    case SEEK_SET:
        from = 0;
        break;
    case SEEK_CUR:
        from = f->position;
        break;
    case SEEK_END:
        from = (off_t)f->node.size;
        break;
    default:
        return EINVAL;
    }
    if (__builtin_add_overflow(from, by, &to))
        return EOVERFLOW;
    if (to < 0)
        return EINVAL;
    *position = f->position = to;
    return 0;
}

off_t lseek(int fd, off_t by, int origin)
{
    struct file *f = file_of(fd);
    off_t position = 0;
    int error;

    if (!f)
        return -1;
    if (is_console(&f->node))
        return fail(ESPIPE);
    __retarget_lock_acquire(&lock);
    error = seek_locked(f, by, origin, &position);
    __retarget_lock_release(&lock);
    return error ? fail(error) : position;
}

static mode_t mode_of(enum node_kind kind)
{
    switch (kind) {
    case NODE_FILE:
        return S_IFREG | 0444;
    case NODE_DIRECTORY:
        return S_IFDIR | 0555;
    case NODE_INPUT:
        return libc_console_kind() == LIBC_CONSOLE_PIPE ? S_IFIFO | 0600 : S_IFCHR | 0666;
    default:
        return S_IFCHR | 0666;
    }
}

static void fill_stat(const struct node *node, struct stat *s)
{
    *s = (struct stat){.st_mode = mode_of(node->kind), .st_nlink = 1, .st_ino = node->number};
    s->st_size = (off_t)node->size;
    s->st_blksize = 4096;
    s->st_blocks = (blkcnt_t)((node->size + 511) / 512);
    s->st_mtime = s->st_ctime = s->st_atime = node->mtime;
}

int fstat(int fd, struct stat *s)
{
    const struct file *f = file_of(fd);

    if (!f)
        return -1;
    fill_stat(&f->node, s);
    return 0;
}

int stat(const char *restrict path, struct stat *restrict s)
{
    struct node node;
    int error = path_find(path, &node);

    if (error)
        return fail(error);
    fill_stat(&node, s);
    return 0;
}

int access(const char *path, int mode)
{
    struct node node;
    int error = path_find(path, &node);

    if (!error && mode & W_OK && (node.kind == NODE_FILE || node.kind == NODE_DIRECTORY))
        error = EROFS;
    if (!error && mode & X_OK && node.kind != NODE_DIRECTORY)
        error = EACCES;
    return error ? fail(error) : 0;
}

int isatty(int fd)
{
    const struct file *f = file_of(fd);

    if (!f)
        return 0;
    if (f->node.kind == NODE_CONSOLE ||
        (f->node.kind == NODE_INPUT && libc_console_kind() != LIBC_CONSOLE_PIPE))
        return 1;
    errno = ENOTTY;
    return 0;
}

int fcntl(int fd, int command, ...)
{
    const struct file *f = file_of(fd);

    if (!f)
        return -1;
    switch (command) {
    case F_GETFL:
        return f->flags;
    case F_GETFD:
    case F_SETFD: /* close-on-exec has no effect, because exec always fails */
        return 0;
    default:
        return fail(EINVAL);
    }
}

/* Fail a change of the file system: ENOENT without such a file, else EROFS. */
static int refuse_change(const char *path)
{
    struct node node;
    int error = path_find(path, &node);

    return fail(error ? error : EROFS);
}

int unlink(const char *path)
{
    return refuse_change(path);
}

int link(const char *from, const char *to)
{
    (void)to;
    return refuse_change(from);
}

int mkdir(const char *path, mode_t mode)
{
    struct node node;
    int error = path_find(path, &node);

    (void)mode;
    return fail(!error ? EEXIST : error == ENOENT ? EROFS : error);
}
