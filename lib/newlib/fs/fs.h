/* SPDX-License-Identifier: MIT */
/*
 * The file system of programs: one tree in memory. fs_start fills it with the boot module's files,
 * whose data stays in the module until it is written to, with /dev and with /tmp. Nothing is
 * written back: what a program changes is gone when it ends.
 *
 * This layer is pure: paths, nodes, data and the rules of POSIX (IEEE Std 1003.1-2017) for them.
 * Functions return 0 or an errno, unless they say otherwise. Descriptors are in files.c.
 *
 * A node is a file, a directory or a device. Its entries, the names in directories, count as links;
 * open files and the working directory count as uses. A node without links and uses is freed.
 *
 * Context of all: the caller holds the file system's lock (fs_lock in files.c).
 */
#ifndef LIB_NEWLIB_FS_FS_H
#define LIB_NEWLIB_FS_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define FS_NAME_MAX   255        /* bytes of a name, without the NUL */
#define FS_PATH_MAX   1024       /* bytes of a path, with the NUL */
#define FS_NODES_MAX  (1u << 18) /* more fail with ENOSPC */
#define FS_BLOCK      4096
#define FS_SIZE_MAX   ((off_t)1 << 40)
#define FS_COOKIE_MIN 3 /* of an entry; lower ones are for "." and ".." in paths.c */

struct fs_device;

struct fs_entry {
    struct fs_entry *next; /* in the same directory, oldest first */
    struct fs_node *node;
    uint64_t cookie; /* for fs_list; grows along the list */
    char name[];
};

struct fs_node {
    mode_t mode; /* S_IFREG, S_IFDIR or a device's kind, and permissions, which are not checked */
    nlink_t links;
    unsigned uses;
    ino_t number;
    time_t changed;
    off_t size;

    /* A file. Block i is blocks[i], zeros if NULL or beyond nr_blocks. */
    const unsigned char *module; /* its data in the boot module, until it is copied to blocks */
    unsigned char **blocks;
    size_t nr_blocks;

    /* A directory. */
    struct fs_entry *entries;
    struct fs_node *parent; /* the root's is itself; NULL once it is removed */
    bool incomplete;        /* from a damaged module: names that are missing may have been there */

    const struct fs_device *device;
};

/*
 * A device in /dev. read and write return a count or a negated errno; they may sleep, and are
 * called without the lock. at: the position in the device, which is 0 if it has none (size 0).
 */
struct fs_device {
    const char *name;
    mode_t kind; /* S_IFCHR, S_IFBLK or S_IFSOCK, which is not in /dev */
    int (*read)(const struct fs_device *device, off_t at, void *to, size_t len);
    int (*write)(const struct fs_device *device, off_t at, const void *from, size_t len);
    off_t size;
    off_t (*measure)(const struct fs_device *device); /* the size now; NULL: it does not change */
    int (*sync)(const struct fs_device *device);      /* for fsync: 0 or an errno; NULL: nothing */
    /* For ioctl and for fcntl with F_SETFL: 0 or an errno; NULL: there are no controls or flags. */
    int (*control)(const struct fs_device *device, unsigned long request, void *argument);
    int (*set_flags)(const struct fs_device *device, int flags);
    /* The last open file was closed (NULL: nothing). Called without the lock. */
    void (*close)(const struct fs_device *device);
    uintptr_t context; /* the device's own */
};

static inline off_t fs_device_size(const struct fs_device *device)
{
    return device->measure ? device->measure(device) : device->size;
}

/*
 * Make the tree: the root from a tar archive (NULL: empty), /dev, /tmp. now: returns the time for
 * changes. Return 0 or ENOMEM.
 */
int fs_start(const void *module, size_t size, time_t (*now)(void));

/* Return a node for a device that is not in /dev, with one use, or NULL without memory. */
struct fs_node *fs_open_device(const struct fs_device *device);

/* Add a device to /dev. It must stay valid. EEXIST if there is such a name. */
int fs_add_device(const struct fs_device *device);

/* Find what path names. */
int fs_find(const char *path, struct fs_node **node);

/* As open(2) with these flags: find or create a file, and truncate it. The node's use is counted.
 */
int fs_open(const char *path, int flags, mode_t mode, struct fs_node **node);

/* End a use. */
void fs_close(struct fs_node *node);

/* Read or write a file; return the count, fewer bytes at its end or if memory runs out. */
size_t fs_read(const struct fs_node *node, off_t at, void *to, size_t len);
int fs_write(struct fs_node *node, off_t at, const void *from, size_t len, size_t *written);

/* Make the file this long, by cutting it or adding zeros. */
int fs_resize(struct fs_node *node, off_t size);

int fs_mkdir(const char *path, mode_t mode);
int fs_rmdir(const char *path);
int fs_unlink(const char *path);
int fs_link(const char *from, const char *to);
int fs_rename(const char *from, const char *to);

/* The working directory, where relative paths start. fs_getcwd writes its path; ERANGE if too long.
 */
int fs_chdir(struct fs_node *directory);
int fs_getcwd(char *path, size_t size);

/*
 * Return the first entry of a directory whose cookie is above the given one, or NULL. "." and ".."
 * are not entries.
 */
const struct fs_entry *fs_list(const struct fs_node *directory, uint64_t after);

void fs_stat(const struct fs_node *node, struct stat *s);

static inline bool fs_is_directory(const struct fs_node *node)
{
    return S_ISDIR(node->mode);
}

#endif
