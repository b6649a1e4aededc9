/* SPDX-License-Identifier: MIT */
/* The functions of POSIX that take paths, and those that list directories. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "lib/newlib/files.h"

int stat(const char *restrict path, struct stat *restrict s)
{
    struct fs_node *node;
    int error;

    fs_enter();
    error = fs_find(path, &node);
    if (!error)
        fs_stat(node, s);
    return fs_leave_with(error);
}

/* Symbolic links do not exist. */
int lstat(const char *restrict path, struct stat *restrict s)
{
    return stat(path, s);
}

ssize_t readlink(const char *restrict path, char *restrict to, size_t size)
{
    struct fs_node *node;
    int error;

    (void)to, (void)size;
    fs_enter();
    error = fs_find(path, &node);
    return fs_leave_with(error ? error : EINVAL);
}

int symlink(const char *target, const char *path)
{
    (void)target, (void)path;
    errno = EPERM;
    return -1;
}

/* Permissions are kept and not checked, except that a file without an x bit is not executable. */
int access(const char *path, int mode)
{
    struct fs_node *node;
    int error;

    fs_enter();
    error = fs_find(path, &node);
    if (!error && mode & X_OK && !fs_is_directory(node) && !(node->mode & 0111))
        error = EACCES;
    return fs_leave_with(error);
}

/*
 * utimes. There is one time for access and change: the second. Of <sys/time.h> one version declares
 * a pointer and one an array, and GCC warns if the definition has the other, so it has a name of
 * its own in C.
 */
int set_times(const char *path, const struct timeval *times) __asm__("utimes");

int set_times(const char *path, const struct timeval *times)
{
    struct fs_node *node;
    int error;

    fs_enter();
    error = fs_find(path, &node);
    if (!error)
        node->changed = times ? times[1].tv_sec : time(NULL);
    return fs_leave_with(error);
}

int chmod(const char *path, mode_t mode)
{
    struct fs_node *node;
    int error;

    fs_enter();
    error = fs_find(path, &node);
    if (!error)
        node->mode = (node->mode & S_IFMT) | (mode & 07777);
    return fs_leave_with(error);
}

/* ---- Users: there is one, number 0, and files are its own. ------------------------------------
 */

uid_t getuid(void)
{
    return 0;
}

uid_t geteuid(void)
{
    return 0;
}

gid_t getgid(void)
{
    return 0;
}

gid_t getegid(void)
{
    return 0;
}

/* Return 0 for the user and the group that a file has, or -1 of them (no change); else EPERM. */
static int owner_error(uid_t user, gid_t group)
{
    return (user && user != (uid_t)-1) || (group && group != (gid_t)-1) ? EPERM : 0;
}

int chown(const char *path, uid_t user, gid_t group)
{
    struct fs_node *node;
    int error;

    fs_enter();
    error = fs_find(path, &node);
    return fs_leave_with(error ? error : owner_error(user, group));
}

int fchown(int fd, uid_t user, gid_t group)
{
    int error;

    fs_enter();
    error = fs_node_of(fd) ? owner_error(user, group) : EBADF;
    return fs_leave_with(error);
}

/* ---- Names ---------------------------------------------------------------------------------- */

int truncate(const char *path, off_t size)
{
    struct fs_node *node;
    int error;

    fs_enter();
    error = fs_find(path, &node);
    if (!error)
        error = fs_is_directory(node)  ? EISDIR
                : !S_ISREG(node->mode) ? EINVAL
                                       : fs_resize(node, size);
    return fs_leave_with(error);
}

int unlink(const char *path)
{
    fs_enter();
    return fs_leave_with(fs_unlink(path));
}

int rmdir(const char *path)
{
    fs_enter();
    return fs_leave_with(fs_rmdir(path));
}

/* newlib's own removes files only. */
int remove(const char *path)
{
    struct stat s;

    if (stat(path, &s))
        return -1;
    return S_ISDIR(s.st_mode) ? rmdir(path) : unlink(path);
}

/* newlib calls it by this name. */
int _remove_r(struct _reent *reent, const char *path)
{
    (void)reent;
    return remove(path);
}

int link(const char *from, const char *to)
{
    fs_enter();
    return fs_leave_with(fs_link(from, to));
}

/* newlib's own is not atomic: it links and unlinks. */
int rename(const char *from, const char *to)
{
    fs_enter();
    return fs_leave_with(fs_rename(from, to));
}

int mkdir(const char *path, mode_t mode)
{
    fs_enter();
    return fs_leave_with(fs_mkdir(path, fs_masked(mode)));
}

int chdir(const char *path)
{
    struct fs_node *node;
    int error;

    fs_enter();
    error = fs_find(path, &node);
    if (!error)
        error = fs_chdir(node);
    return fs_leave_with(error);
}

/* With a NULL path the result is from malloc, as in glibc. */
char *getcwd(char *path, size_t size)
{
    char *to = path;
    int error;

    if (!path && !size)
        size = FS_PATH_MAX;
    if (!path)
        to = malloc(size);
    if (!to)
        return NULL;
    fs_enter();
    error = fs_leave_with(fs_getcwd(to, size));
    if (error && !path)
        free(to);
    return error ? NULL : to;
}

/* ---- Listing -------------------------------------------------------------------------------- */

/* The cookies of "." and "..", which are below those of entries (FS_COOKIE_MIN). */
enum { COOKIE_START, COOKIE_DOT, COOKIE_DOT_DOT };

/*
 * Fill an entry with the one after the cookie, and return its own cookie; 0 at the end. The cookie
 * is the directory's position, so lseek and newlib's seekdir work.
 */
static uint64_t next_entry(const struct fs_node *node, uint64_t after, struct dirent *to)
{
    const struct fs_entry *e;

    *to = (struct dirent){.d_ino = node->number, .d_type = DT_DIR, .d_reclen = sizeof(*to)};
    if (after < COOKIE_DOT_DOT) {
        strcpy(to->d_name, after == COOKIE_START ? "." : "..");
        if (after == COOKIE_DOT && node->parent)
            to->d_ino = node->parent->number;
        return after + 1;
    }
    e = fs_list(node, after);
    if (!e)
        return 0;
    to->d_ino = e->node->number;
    to->d_type = S_ISREG(e->node->mode)   ? DT_REG
                 : S_ISDIR(e->node->mode) ? DT_DIR
                 : S_ISCHR(e->node->mode) ? DT_CHR
                 : S_ISBLK(e->node->mode) ? DT_BLK
                                          : DT_UNKNOWN;
    strcpy(to->d_name, e->name);
    return e->cookie;
}

/* newlib's readdir calls it; it returns bytes of whole entries, 0 at the end. */
int getdents(int fd, void *to, int size);

int getdents(int fd, void *to, int size)
{
    struct dirent *entries = to;
    const int room = size / (int)sizeof(*entries);
    const struct fs_node *node;
    off_t *position;
    int n = 0, error;
    uint64_t next;

    fs_enter();
    node = fs_node_of(fd);
    position = fs_position_of(fd);
    error = !node ? EBADF : !fs_is_directory(node) ? ENOTDIR : room < 1 ? EINVAL : 0;
    while (!error && n < room && (next = next_entry(node, (uint64_t)*position, &entries[n]))) {
        entries[n++].d_off = (off_t)next;
        *position = (off_t)next;
    }
    return fs_leave_with(error) ? -1 : n * (int)sizeof(*entries);
}
