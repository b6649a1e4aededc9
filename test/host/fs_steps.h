/* SPDX-License-Identifier: MIT */
/*
 * Steps on programs' file system (lib/newlib/fs/fs.h), chosen by bytes. The test compares each with
 * the same step on this machine's own file system; the fuzzer lets memory run out in between.
 */
#ifndef TEST_HOST_FS_STEPS_H
#define TEST_HOST_FS_STEPS_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_alloc.h"
#include "lib/newlib/fs/fs.h"

/* Relative paths, none of which leaves the directory in which the steps start. */
static const char *const step_paths[] = {"a",   "b",    "d",       "e",          "d/a",   "d/b",
                                         "d/e", "e/a",  "d/e/a",   "d/../a",     "./b",   "d/",
                                         "a/",  "d/e/", "missing", "missing/a",  "d//e/", "a/b",
                                         "d/.", "e/..", "d/e/../", "d/e/../../a"};

enum { STEP_PATHS = sizeof(step_paths) / sizeof(step_paths[0]), STEP_DATA = 9000 };

struct step {
    unsigned char kind, path, other, flags;
    unsigned at, len;
};

enum {
    STEP_OPEN,
    STEP_WRITE,
    STEP_READ,
    STEP_RESIZE,
    STEP_UNLINK,
    STEP_MKDIR,
    STEP_RMDIR,
    STEP_RENAME,
    STEP_LINK,
    STEP_STAT,
    STEP_KINDS,
};

static const int step_flags[] = {O_RDONLY,
                                 O_RDWR | O_CREAT,
                                 O_WRONLY | O_CREAT | O_EXCL,
                                 O_RDWR | O_TRUNC,
                                 O_RDONLY | O_DIRECTORY,
                                 O_WRONLY | O_CREAT | O_TRUNC,
                                 O_RDWR};

static unsigned char step_data[STEP_DATA];

/* What a step came to: its error, and a sum of what it read. */
struct outcome {
    int error;
    unsigned long long value;
};

static unsigned long long sum_of(const unsigned char *bytes, size_t len)
{
    unsigned long long sum = 0xcbf29ce484222325;

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * 0x100000001b3;
    return sum + len;
}

/* A step on a file: open it, do one thing, close it. */
static int file_step(const struct step *s, struct fs_node *node, struct outcome *out)
{
    static unsigned char bytes[STEP_DATA];
    size_t n;
    int error = 0;

    if (fs_is_directory(node))
        return s->kind == STEP_OPEN ? 0 : EISDIR;
    switch (s->kind) {
    case STEP_WRITE:
        error = fs_write(node, s->at, step_data, s->len, &n);
        out->value = n;
        break;
    case STEP_READ:
        out->value = sum_of(bytes, fs_read(node, s->at, bytes, s->len));
        break;
    case STEP_RESIZE:
        error = fs_resize(node, s->at);
        break;
    default:
        break;
    }
    return error;
}

static struct outcome step_here(const struct step *s)
{
    const char *path = step_paths[s->path], *other = step_paths[s->other];
    struct outcome out = {0, 0};
    struct fs_node *node;
    struct stat status;

    switch (s->kind) {
    case STEP_OPEN:
    case STEP_WRITE:
    case STEP_READ:
    case STEP_RESIZE:
        out.error =
            fs_open(path, s->kind == STEP_OPEN ? step_flags[s->flags] : O_RDONLY, 0644, &node);
        if (!out.error) {
            out.error = file_step(s, node, &out);
            fs_close(node);
        }
        break;
    case STEP_UNLINK:
        out.error = fs_unlink(path);
        break;
    case STEP_MKDIR:
        out.error = fs_mkdir(path, 0755);
        break;
    case STEP_RMDIR:
        out.error = fs_rmdir(path);
        break;
    case STEP_RENAME:
        out.error = fs_rename(path, other);
        break;
    case STEP_LINK:
        out.error = fs_link(path, other);
        break;
    default:
        out.error = fs_find(path, &node);
        if (!out.error) {
            fs_stat(node, &status);
            out.value = status.st_mode & S_IFMT;
            if (S_ISREG(status.st_mode))
                out.value += (unsigned long long)status.st_size * 100 + status.st_nlink;
        }
    }
    return out;
}

#endif
