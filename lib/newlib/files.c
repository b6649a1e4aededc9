/* SPDX-License-Identifier: MIT */
/*
 * File descriptors: open, close, fcntl and the like (IEEE Std 1003.1-2017); transfer.c has read and
 * write. Descriptors 0, 1 and 2 are the console from the start. A descriptor is an index into
 * fds[], which refers to an open file; dup makes two descriptors refer to one. Files are those of
 * fs/fs.h.
 *
 * Everything here is done under one lock, except reading and writing a device, which may sleep: an
 * open file that is in use has its users counted, and is closed by the last of them.
 */
#include "lib/newlib/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/lock.h>
#include <unistd.h>

#include "kernel/services.h"
#include "lib/newlib/fs/devices.h"
#include "lib/newlib/disks.h"
#include "lib/newlib/thread.h"

#define FILES_MAX 128

/* Guards all of the file system and the two tables. */
static struct __lock lock;
static struct open_file open_files[FILES_MAX];
static struct open_file *fds[FILES_MAX];

static int fail(int error)
{
    errno = error;
    return -1;
}

static time_t seconds_now(void)
{
    return (time_t)(libc_wallclock_ns() / 1000000000);
}

/* Return a free open file, or NULL. */
static struct open_file *open_file_find_free(void)
{
    for (int i = 0; i < FILES_MAX; i++)
        if (!open_files[i].users)
            return &open_files[i];
    return NULL;
}

/* Return the lowest free descriptor that is not below min, or -1. */
static int descriptor_find_free(int min)
{
    while (min < FILES_MAX && fds[min])
        min++;
    return min < FILES_MAX ? min : -1;
}

/* Return a descriptor of an open node, or a negated errno. */
static int descriptor_create(struct fs_node *node, int flags)
{
    struct open_file *file = open_file_find_free();
    const int fd = descriptor_find_free(0);

    if (!file || fd < 0)
        return -EMFILE;
    *file = (struct open_file){.users = 1, .node = node, .flags = flags};
    fds[fd] = file;
    return fd;
}

/* Open a path, and return its descriptor or a negated errno. */
static int open_descriptor(const char *path, int flags, mode_t mode)
{
    struct fs_node *node;
    int error;

    if (!open_file_find_free() || descriptor_find_free(0) < 0)
        return -EMFILE;
    error = fs_open(path, flags, mode, &node);
    return error ? -error : descriptor_create(node, flags);
}

static void files_start(void)
{
    size_t size;
    const void *module = libc_module(&size);

    if (fs_start(module, size, seconds_now) || devices_add() ||
        open_descriptor("/dev/stdin", O_RDWR, 0) != STDIN_FILENO ||
        open_descriptor("/dev/console", O_RDWR, 0) != STDOUT_FILENO ||
        open_descriptor("/dev/console", O_RDWR, 0) != STDERR_FILENO)
        libc_killed("lack of memory for its file system");
}

void fs_enter(void)
{
    static bool started;

    __retarget_lock_acquire(&lock);
    if (!started) {
        started = true;
        files_start();
    }
    disks_update();
}

void fs_leave(void)
{
    __retarget_lock_release(&lock);
}

int fs_leave_with(int error)
{
    fs_leave();
    return error ? fail(error) : 0;
}

struct open_file *fs_file_of(int fd)
{
    return fd >= 0 && fd < FILES_MAX ? fds[fd] : NULL;
}

struct fs_node *fs_node_of(int fd)
{
    const struct open_file *file = fs_file_of(fd);

    return file ? file->node : NULL;
}

off_t *fs_position_of(int fd)
{
    struct open_file *file = fs_file_of(fd);

    return file ? &file->position : NULL;
}

/* End a use of a node, and close its device. The lock is held before and after. */
static void close_node(struct fs_node *node)
{
    const struct fs_device *device = node->device;

    fs_close(node);
    if (!device || !device->close)
        return;
    fs_leave();
    device->close(device);
    fs_enter();
}

void fs_file_put(struct open_file *file)
{
    if (!--file->users)
        close_node(file->node);
}

int fs_install(const struct fs_device *device, int flags)
{
    struct fs_node *node;
    int fd = -ENOMEM;

    fs_enter();
    node = fs_open_device(device);
    if (node)
        fd = descriptor_create(node, flags);
    if (fd == -EMFILE)
        close_node(node);
    fs_leave();
    if (!node && device->close)
        device->close(device);
    return fd;
}

struct open_file *fs_file_get(int fd)
{
    struct open_file *file = fs_file_of(fd);

    if (file)
        file->users++;
    return file;
}

static mode_t mask = 022;

mode_t fs_masked(mode_t mode)
{
    return mode & ~mask;
}

mode_t umask(mode_t wanted)
{
    mode_t old;

    fs_enter();
    old = mask;
    mask = wanted & 0777;
    fs_leave();
    return old;
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list arguments;
    int fd;

    if (flags & O_CREAT) {
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    fs_enter();
    fd = open_descriptor(path, flags, fs_masked(mode));
    fs_leave();
    return fd < 0 ? fail(-fd) : fd;
}

int close(int fd)
{
    struct open_file *file;

    fs_enter();
    file = fs_file_of(fd);
    if (file) {
        fds[fd] = NULL;
        fs_file_put(file);
    }
    return fs_leave_with(file ? 0 : EBADF);
}

/* Make the lowest free descriptor from min on refer to fd's open file. */
static int duplicate(int fd, int min)
{
    struct open_file *file;
    int copy = -1, error = 0;

    fs_enter();
    file = fs_file_of(fd);
    if (!file)
        error = EBADF;
    else if (min < 0 || min >= FILES_MAX)
        error = EINVAL;
    else if ((copy = descriptor_find_free(min)) < 0)
        error = EMFILE;
    else {
        file->users++;
        fds[copy] = file;
    }
    return fs_leave_with(error) ? -1 : copy;
}

int dup(int fd)
{
    return duplicate(fd, 0);
}

int dup2(int fd, int to)
{
    struct open_file *file, *replaced;

    fs_enter();
    file = fs_file_of(fd);
    if (!file || to < 0 || to >= FILES_MAX) {
        fs_leave();
        return fail(EBADF);
    }
    if (fd != to) {
        replaced = fds[to];
        file->users++;
        fds[to] = file;
        if (replaced)
            fs_file_put(replaced);
    }
    fs_leave();
    return to;
}

int ftruncate(int fd, off_t size)
{
    const struct open_file *file;
    int error;

    fs_enter();
    file = fs_file_of(fd);
    error = !file                                               ? EBADF
            : !fs_may_write(file) || !S_ISREG(file->node->mode) ? EINVAL
                                                                : fs_resize(file->node, size);
    return fs_leave_with(error);
}

/* Files are in memory, so there is nothing to write back; a disk has to write what it was given. */
static int sync_unlocked(const struct fs_device *device)
{
    int error;

    if (!device || !device->sync)
        return 0;
    fs_leave();
    error = device->sync(device);
    fs_enter();
    return error;
}

int fsync(int fd)
{
    struct open_file *file;
    int error = EBADF;

    fs_enter();
    file = fs_file_get(fd);
    if (file) {
        error = sync_unlocked(file->node->device);
        fs_file_put(file);
    }
    return fs_leave_with(error);
}

int fdatasync(int fd)
{
    return fsync(fd);
}

int fstat(int fd, struct stat *s)
{
    const struct fs_node *node;

    fs_enter();
    node = fs_node_of(fd);
    if (node) {
        fs_stat(node, s);
        if (device_is_pipe(node->device))
            s->st_mode = S_IFIFO | 0600;
    }
    return fs_leave_with(node ? 0 : EBADF);
}

int fchmod(int fd, mode_t mode)
{
    struct fs_node *node;

    fs_enter();
    node = fs_node_of(fd);
    if (node)
        node->mode = (node->mode & S_IFMT) | (mode & 07777);
    return fs_leave_with(node ? 0 : EBADF);
}

/* Call a device's control, which may sleep, without the lock. */
static int control_unlocked(struct open_file *file, unsigned long request, void *argument)
{
    const struct fs_device *device = file->node->device;
    int error;

    if (!device || !device->control)
        return ENOTTY;
    file->users++;
    fs_leave();
    error = device->control(device, request, argument);
    fs_enter();
    fs_file_put(file);
    return error;
}

/* Of the flags, O_APPEND may change, and what the device takes. */
static int set_flags_unlocked(struct open_file *file, int flags)
{
    const struct fs_device *device = file->node->device;
    const int changed = O_APPEND | (device && device->set_flags ? O_NONBLOCK : 0);
    int error = 0;

    file->flags = (file->flags & ~changed) | (flags & changed);
    if (!device || !device->set_flags)
        return 0;
    file->users++;
    fs_leave();
    error = device->set_flags(device, flags);
    fs_enter();
    fs_file_put(file);
    return error;
}

/* FIONBIO sets the flag that fcntl reports, as F_SETFL does. */
static int ioctl_locked(struct open_file *file, unsigned long request, void *argument)
{
    const struct fs_device *device = file->node->device;

    if (request != FIONBIO || !device || !device->set_flags)
        return control_unlocked(file, request, argument);
    return set_flags_unlocked(file, (file->flags & ~O_NONBLOCK) |
                                        (*(const int *)argument ? O_NONBLOCK : 0));
}

int ioctl(int fd, unsigned long request, ...)
{
    struct open_file *file;
    void *argument;
    va_list arguments;
    int error;

    va_start(arguments, request);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    fs_enter();
    file = fs_file_of(fd);
    error = file ? ioctl_locked(file, request, argument) : EBADF;
    return fs_leave_with(error);
}

int isatty(int fd)
{
    const struct fs_node *node;
    int error = EBADF;

    fs_enter();
    node = fs_node_of(fd);
    if (node)
        error = device_is_console(node->device) && !device_is_pipe(node->device) ? 0 : ENOTTY;
    return fs_leave_with(error) ? 0 : 1;
}

/* There is one process, so each lock that it asks for is free. */
static int lock_file(const struct open_file *file, int command, struct flock *wanted)
{
    if (wanted->l_type == F_RDLCK && !fs_may_read(file))
        return EBADF;
    if (wanted->l_type == F_WRLCK && !fs_may_write(file))
        return EBADF;
    if (command == F_GETLK)
        wanted->l_type = F_UNLCK;
    return 0;
}

static int control_locked(struct open_file *file, int command, va_list arguments, int *result)
{
    *result = 0;
    switch (command) {
    case F_GETFL:
        *result = file->flags;
        return 0;
    case F_SETFL:
        return set_flags_unlocked(file, va_arg(arguments, int));
    case F_GETFD:
    case F_SETFD: /* close-on-exec has no effect, because exec always fails */
        return 0;
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
        return lock_file(file, command, va_arg(arguments, struct flock *));
    default:
        return EINVAL;
    }
}

int fcntl(int fd, int command, ...)
{
    struct open_file *file;
    int error = EBADF, result = -1;
    va_list arguments;

    va_start(arguments, command);
    if (command == F_DUPFD) {
        result = duplicate(fd, va_arg(arguments, int));
        va_end(arguments);
        return result;
    }
    fs_enter();
    file = fs_file_of(fd);
    if (file)
        error = control_locked(file, command, arguments, &result);
    va_end(arguments);
    return fs_leave_with(error) ? -1 : result;
}
