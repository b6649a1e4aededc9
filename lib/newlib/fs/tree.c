/* SPDX-License-Identifier: MIT */
/* The functions of fs.h that take paths, and the tree's beginning. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/newlib/fs/node.h"
#include "lib/newlib/fs/path.h"
#include "lib/newlib/tar.h"

#define PERMISSIONS 07777

int fs_find(const char *path, struct fs_node **node)
{
    struct fs_place place;
    int error = fs_walk(path, &place);

    if (!error && !place.node)
        error = fs_missing(&place);
    *node = place.node;
    return error;
}

/* Create a node of this mode, with the name of a place that is not taken. */
static int create_at(const struct fs_place *place, mode_t mode, struct fs_node **node)
{
    int error;

    if (place->directory->incomplete)
        return EIO;
    *node = node_create(mode, &error);
    if (error)
        return error;
    error = entry_add(place->directory, place->name, place->len, *node);
    node_release(*node);
    return error;
}

static bool is_for_writing(int flags)
{
    return (flags & O_ACCMODE) == O_WRONLY || (flags & O_ACCMODE) == O_RDWR;
}

/* Return what forbids to open an existing node with these flags. */
static int may_open(const struct fs_node *node, int flags)
{
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return EEXIST;
    if (flags & O_DIRECTORY && !fs_is_directory(node))
        return ENOTDIR;
    if (fs_is_directory(node) && (is_for_writing(flags) || flags & (O_CREAT | O_TRUNC)))
        return EISDIR;
    return 0;
}

int fs_open(const char *path, int flags, mode_t mode, struct fs_node **node)
{
    struct fs_place place;
    int error = fs_walk(path, &place);

    if (error)
        return error;
    *node = place.node;
    if (place.node)
        error = may_open(place.node, flags);
    else if (!(flags & O_CREAT))
        error = fs_missing(&place);
    else if (place.wants_directory)
        error = EISDIR;
    else
        error = create_at(&place, S_IFREG | (mode & PERMISSIONS), node);
    if (!error && flags & O_TRUNC && S_ISREG((*node)->mode) && is_for_writing(flags))
        error = fs_resize(*node, 0);
    if (!error)
        (*node)->uses++;
    return error;
}

void fs_close(struct fs_node *node)
{
    node->uses--;
    node_release(node);
}

int fs_mkdir(const char *path, mode_t mode)
{
    struct fs_place place;
    struct fs_node *node;
    int error = fs_walk(path, &place);

    if (error)
        return error;
    return place.node ? EEXIST : create_at(&place, S_IFDIR | (mode & PERMISSIONS), &node);
}

/* Return why the directory at this place cannot be removed. */
static int may_remove_directory(const struct fs_place *place)
{
    if (!place->node)
        return fs_missing(place);
    if (!fs_is_directory(place->node))
        return ENOTDIR;
    if (place->node == fs_root)
        return EBUSY;
    if (!place->directory) /* "." or ".." */
        return EINVAL;
    return place->node->entries ? ENOTEMPTY : 0;
}

int fs_rmdir(const char *path)
{
    struct fs_place place;
    int error = fs_walk(path, &place);

    if (!error)
        error = may_remove_directory(&place);
    if (!error)
        entry_remove(place.directory, place.entry);
    return error;
}

int fs_unlink(const char *path)
{
    struct fs_place place;
    int error = fs_walk(path, &place);

    if (!error && !place.node)
        error = fs_missing(&place);
    if (!error && fs_is_directory(place.node))
        error = EISDIR;
    if (!error)
        entry_remove(place.directory, place.entry);
    return error;
}

int fs_link(const char *from, const char *to)
{
    struct fs_place place;
    struct fs_node *node;
    int error = fs_find(from, &node);

    if (!error && fs_is_directory(node))
        error = EPERM;
    if (!error)
        error = fs_walk(to, &place);
    if (error)
        return error;
    if (place.node)
        return EEXIST;
    if (place.directory->incomplete)
        return EIO;
    return place.wants_directory ? ENOENT : entry_add(place.directory, place.name, place.len, node);
}

static bool is_inside(const struct fs_node *node, const struct fs_node *directory)
{
    while (node && node != directory && node != fs_root)
        node = node->parent;
    return node == directory;
}

/* Return why what is at one place cannot get the name of the other. */
static int may_rename(const struct fs_place *from, const struct fs_place *to)
{
    if (!from->node)
        return fs_missing(from);
    if (from->node == fs_root || to->node == fs_root)
        return EBUSY;
    if (!from->directory || !to->directory)
        return EINVAL;
    if (fs_is_directory(from->node) && is_inside(to->directory, from->node))
        return EINVAL;
    if (to->node == from->node)
        return 0;
    if (!to->node && to->directory->incomplete)
        return EIO;
    if (fs_is_directory(from->node))
        return to->node ? may_remove_directory(to) : 0;
    if (to->node)
        return fs_is_directory(to->node) ? EISDIR : 0;
    return to->wants_directory ? ENOTDIR : 0;
}

int fs_rename(const char *from, const char *to)
{
    struct fs_place old, new = {.node = NULL};
    int error = fs_walk(from, &old);

    if (!error)
        error = fs_walk(to, &new);
    if (!error)
        error = may_rename(&old, &new);
    if (error || old.node == new.node)
        return error;
    error = entry_add(new.directory, new.name, new.len, old.node);
    if (error)
        return error;
    if (new.entry) /* the first of two entries of the name: it is found until it is removed */
        entry_remove(new.directory, new.entry);
    entry_remove(old.directory, old.entry);
    return 0;
}

int fs_chdir(struct fs_node *directory)
{
    if (!fs_is_directory(directory))
        return ENOTDIR;
    directory->uses++;
    fs_close(fs_working);
    fs_working = directory;
    return 0;
}

/* Return the directory's entry in its parent. */
static const struct fs_entry *entry_of(const struct fs_node *directory)
{
    const struct fs_entry *e = directory->parent->entries;

    while (e->node != directory)
        e = e->next;
    return e;
}

int fs_getcwd(char *path, size_t size)
{
    const struct fs_node *node = fs_working;
    size_t at = size;

    if (!size)
        return EINVAL;
    path[--at] = '\0';
    for (; node != fs_root; node = node->parent) {
        const char *name;
        size_t len;

        if (!node->parent)
            return ENOENT;
        name = entry_of(node)->name;
        len = strlen(name);
        if (len + 1 > at)
            return ERANGE;
        at -= len;
        memcpy(path + at, name, len);
        path[--at] = '/';
    }
    if (at == size - 1) {
        if (!at)
            return ERANGE;
        path[--at] = '/';
    }
    memmove(path, path + at, size - at);
    return 0;
}

const struct fs_entry *fs_list(const struct fs_node *directory, uint64_t after)
{
    const struct fs_entry *e = directory->entries;

    while (e && e->cookie <= after)
        e = e->next;
    return e;
}

/* ---- The tree's beginning -------------------------------------------------------------------- */

struct fs_node *fs_open_device(const struct fs_device *device)
{
    int error;
    struct fs_node *node = node_create(device->kind | 0666, &error);

    if (node) {
        node->device = device;
        node->uses = 1;
    }
    return node;
}

int fs_add_device(const struct fs_device *device)
{
    char path[5 + FS_NAME_MAX + 1] = "/dev/";
    struct fs_place place;
    struct fs_node *node;
    int error;

    if (strlen(device->name) > FS_NAME_MAX)
        return ENAMETOOLONG;
    strcpy(path + 5, device->name);
    error = fs_walk(path, &place);
    if (error)
        return error;
    if (place.node || strchr(device->name, '/'))
        return EEXIST;
    error = create_at(&place, device->kind | 0666, &node);
    if (!error)
        node->device = device;
    return error;
}

/* Make the directories on the way to the last component, which an archive may leave out. */
static int make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        int error;

        *slash = '\0';
        error = fs_mkdir(path, 0755);
        *slash = '/';
        if (error && error != EEXIST)
            return error;
    }
    return 0;
}

/* Add an archive's entry. The first of a name counts, and one below a file is left out. */
static int add_module_entry(const struct tar_entry *e)
{
    char path[TAR_PATH_MAX + 1] = "/";
    struct fs_node *node;
    int error;

    strcpy(path + 1, e->path);
    error = make_parents(path);
    if (!error && e->is_directory)
        error = fs_mkdir(path, 0755);
    else if (!error) {
        error = fs_open(path, O_CREAT | O_EXCL | O_WRONLY, 0644, &node);
        if (!error) {
            node->module = e->data;
            node->size = (off_t)e->size;
            node->changed = (time_t)e->mtime;
            fs_close(node);
        }
    }
    return error == ENOSPC ? ENOMEM : 0;
}

/* Mark all directories below this one. */
static void mark_incomplete(struct fs_node *directory)
{
    directory->incomplete = true;
    for (struct fs_entry *e = directory->entries; e; e = e->next)
        if (fs_is_directory(e->node))
            mark_incomplete(e->node);
}

static int add_module(const void *module, size_t size)
{
    const struct tar archive = {module, size};
    enum tar_result result;
    struct tar_entry e;
    size_t position = 0;
    int error = 0;

    while ((result = tar_next(&archive, &position, &e)) == TAR_ENTRY && !error)
        error = add_module_entry(&e);
    if (result == TAR_DAMAGED)
        mark_incomplete(fs_root);
    return error;
}

/* Make /dev or /tmp, which is never incomplete, if the module does not have it. */
static int make_own_directory(const char *name, mode_t mode)
{
    struct fs_entry *e = entry_find(fs_root, name, strlen(name));
    const bool incomplete = fs_root->incomplete;
    struct fs_place place = {.directory = fs_root, .name = name, .len = strlen(name)};
    struct fs_node *node;
    int error = 0;

    fs_root->incomplete = false;
    if (!e)
        error = create_at(&place, S_IFDIR | mode, &node);
    else
        e->node->incomplete = false;
    fs_root->incomplete = incomplete;
    return error;
}

int fs_start(const void *module, size_t size, time_t (*now)(void))
{
    int error;

    fs_now = now;
    fs_root = node_create(S_IFDIR | 0755, &error);
    if (error)
        return error;
    fs_root->parent = fs_root;
    fs_root->links = 1;
    fs_root->uses = 1; /* as the working directory */
    fs_working = fs_root;
    if (module)
        error = add_module(module, size);
    if (!error)
        error = make_own_directory("dev", 0755);
    if (!error)
        error = make_own_directory("tmp", 01777);
    return error ? ENOMEM : 0;
}
