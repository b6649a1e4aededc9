/* SPDX-License-Identifier: MIT */
/* The path look-up of paths.h. Without a boot module, or if it is not an archive, the root is
 * empty. */
#include "lib/newlib/paths.h"

#include <errno.h>
#include <string.h>

#include "kernel/services.h"

static const struct {
    const char *path;
    enum node_kind kind;
} devices[] = {
    {"dev", NODE_DIRECTORY},     {"dev/console", NODE_CONSOLE}, {"dev/tty", NODE_CONSOLE},
    {"dev/null", NODE_NULL},     {"dev/zero", NODE_ZERO},       {"dev/urandom", NODE_RANDOM},
    {"dev/random", NODE_RANDOM},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Copy path to clean, without ".", "..", empty components and a '/' at either end. */
static int clean_path(const char *path, char *clean, bool *wants_directory)
{
    size_t len = 0;

    *wants_directory = false;
    while (*path) {
        size_t part = strcspn(path, "/");
        bool dots = part == 2 && path[0] == '.' && path[1] == '.';

        *wants_directory = path[part] == '/' || dots || (part == 1 && path[0] == '.');
        if (dots) {
            while (len > 0 && clean[--len] != '/')
                ;
        } else if (part > 0 && !(part == 1 && path[0] == '.')) {
            if (len + part + 2 > TAR_PATH_MAX)
                return ENAMETOOLONG;
            if (len > 0)
                clean[len++] = '/';
            memcpy(clean + len, path, part);
            len += part;
        }
        path += part + (path[part] == '/');
    }
    clean[len] = '\0';
    return 0;
}

static int find_in_module(const char *path, struct node *node)
{
    struct tar archive;
    struct tar_entry e;

    archive.bytes = libc_module(&archive.size);
    if (!archive.bytes) {
        *node = (struct node){.kind = NODE_DIRECTORY, .number = 1};
        return *path ? ENOENT : 0;
    }
    switch (tar_find(&archive, path, &e)) {
    case TAR_END:
        return ENOENT;
    case TAR_DAMAGED:
        return EIO;
    case TAR_ENTRY:
        break;
    }
    *node = (struct node){e.is_directory ? NODE_DIRECTORY : NODE_FILE, e.data, e.size,
                          (time_t)e.mtime, (ino_t)(e.number + COUNT(devices) + 1)};
    return 0;
}

static int find_clean(const char *path, struct node *node)
{
    for (size_t i = 0; i < COUNT(devices); i++)
        if (!strcmp(path, devices[i].path)) {
            *node = (struct node){.kind = devices[i].kind, .number = (ino_t)(i + 1)};
            return 0;
        }
    return find_in_module(path, node);
}

/* Return whether a component of path before the last is a file. */
static bool leads_through_file(char *path)
{
    struct node node;

    for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        int error;

        *slash = '\0';
        error = find_clean(path, &node);
        *slash = '/';
        if (!error && node.kind != NODE_DIRECTORY)
            return true;
    }
    return false;
}

int path_find(const char *path, struct node *node)
{
    char clean[TAR_PATH_MAX];
    bool wants_directory;
    int error;

    if (!*path)
        return ENOENT;
    error = clean_path(path, clean, &wants_directory);
    if (error)
        return error;
    error = find_clean(clean, node);
    if (error)
        return leads_through_file(clean) ? ENOTDIR : error;
    return wants_directory && node->kind != NODE_DIRECTORY ? ENOTDIR : 0;
}
