/* SPDX-License-Identifier: MIT */
/* The walk of path.h. */
#include "lib/newlib/fs/path.h"

#include <errno.h>
#include <string.h>

#include "lib/newlib/fs/node.h"

int fs_missing(const struct fs_place *place)
{
    return place->directory->incomplete ? EIO : ENOENT;
}

static bool is_dot(const char *name, size_t len)
{
    return len == 1 && name[0] == '.';
}

static bool is_dot_dot(const char *name, size_t len)
{
    return len == 2 && name[0] == '.' && name[1] == '.';
}

/* Step from place->node, a directory, to the component of this name. */
static int step(struct fs_place *place, const char *name, size_t len)
{
    struct fs_node *from = place->node;

    if (len > FS_NAME_MAX)
        return ENAMETOOLONG;
    if (!from->parent) /* a working directory that was removed */
        return ENOENT;
    place->name = name;
    place->len = len;
    place->entry = NULL;
    place->directory = NULL;
    if (is_dot(name, len))
        return 0;
    if (is_dot_dot(name, len)) {
        place->node = from->parent;
        return 0;
    }
    place->directory = from;
    place->entry = entry_find(from, name, len);
    place->node = place->entry ? place->entry->node : NULL;
    return 0;
}

int fs_walk(const char *path, struct fs_place *place)
{
    size_t len;
    int error;

    *place = (struct fs_place){.node = *path == '/' ? fs_root : fs_working};
    if (!*path)
        return ENOENT;
    if (strnlen(path, FS_PATH_MAX) == FS_PATH_MAX)
        return ENAMETOOLONG;
    for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
        if (!place->node)
            return fs_missing(place);
        if (!fs_is_directory(place->node))
            return ENOTDIR;
        len = strcspn(path, "/");
        error = step(place, path, len);
        if (error)
            return error;
        path += len;
        place->wants_directory = *path == '/' || !place->directory;
    }
    return place->wants_directory && place->node && !fs_is_directory(place->node) ? ENOTDIR : 0;
}
