/* SPDX-License-Identifier: MIT */
/* Nodes, their data and their entries (fs.h). */
#include "lib/newlib/fs/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Guarded by: the lock that fs.h names, like all of the file system. */
struct fs_node *fs_root, *fs_working;
time_t (*fs_now)(void);
static unsigned nr_nodes;
static ino_t last_number;
static uint64_t last_cookie = FS_COOKIE_MIN - 1;

struct fs_node *node_create(mode_t mode, int *error)
{
    struct fs_node *node = nr_nodes < FS_NODES_MAX ? calloc(1, sizeof(*node)) : NULL;

    *error = node ? 0 : ENOSPC;
    if (!node)
        return NULL;
    nr_nodes++;
    node->mode = mode;
    node->number = ++last_number;
    node->changed = fs_now();
    return node;
}

static void free_blocks(struct fs_node *node, size_t from)
{
    for (size_t i = from; i < node->nr_blocks; i++) {
        free(node->blocks[i]);
        node->blocks[i] = NULL;
    }
}

void node_release(struct fs_node *node)
{
    if (node->links || node->uses)
        return;
    free_blocks(node, 0);
    free(node->blocks);
    free(node);
    nr_nodes--;
}

struct fs_entry *entry_find(const struct fs_node *directory, const char *name, size_t len)
{
    struct fs_entry *e = directory->entries;

    while (e && (strncmp(e->name, name, len) || e->name[len]))
        e = e->next;
    return e;
}

int entry_add(struct fs_node *directory, const char *name, size_t len, struct fs_node *node)
{
    struct fs_entry **at = &directory->entries, *e = malloc(sizeof(*e) + len + 1);

    if (!e)
        return ENOSPC;
    *e = (struct fs_entry){.node = node, .cookie = ++last_cookie};
    memcpy(e->name, name, len);
    e->name[len] = '\0';
    while (*at)
        at = &(*at)->next;
    *at = e;
    node->links++;
    if (fs_is_directory(node))
        node->parent = directory;
    directory->changed = fs_now();
    return 0;
}

void entry_remove(struct fs_node *directory, struct fs_entry *entry)
{
    struct fs_entry **at = &directory->entries;

    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    entry->node->links--;
    if (fs_is_directory(entry->node) && !entry->node->links)
        entry->node->parent = NULL;
    node_release(entry->node);
    free(entry);
    directory->changed = fs_now();
}

/* ---- Data ----------------------------------------------------------------------------------- */

size_t fs_read(const struct fs_node *node, off_t at, void *to, size_t len)
{
    const size_t left = at < node->size ? (size_t)(node->size - at) : 0;
    unsigned char *out = to;
    size_t n, done;

    len = len < left ? len : left;
    if (node->module) {
        memcpy(to, node->module + (len ? at : 0), len);
        return len;
    }
    for (done = 0; done < len; done += n, at += (off_t)n) {
        const size_t index = (size_t)at / FS_BLOCK, offset = (size_t)at % FS_BLOCK;
        const unsigned char *block = index < node->nr_blocks ? node->blocks[index] : NULL;

        n = len - done < FS_BLOCK - offset ? len - done : FS_BLOCK - offset;
        if (block)
            memcpy(out + done, block + offset, n);
        else
            memset(out + done, 0, n);
    }
    return len;
}

/* Make the table of blocks at least so long. */
static bool table_grow(struct fs_node *node, size_t count)
{
    size_t room = node->nr_blocks + node->nr_blocks / 2;
    unsigned char **blocks;

    if (count <= node->nr_blocks)
        return true;
    room = room < count ? count : room;
    blocks = realloc(node->blocks, room * sizeof(*blocks));
    if (!blocks) {
        room = count;
        blocks = realloc(node->blocks, room * sizeof(*blocks));
    }
    if (!blocks)
        return false;
    memset(blocks + node->nr_blocks, 0, (room - node->nr_blocks) * sizeof(*blocks));
    node->blocks = blocks;
    node->nr_blocks = room;
    return true;
}

/* Write bytes that are in one block. */
static bool write_block(struct fs_node *node, off_t at, const unsigned char *from, size_t len)
{
    const size_t index = (size_t)at / FS_BLOCK;

    if (!table_grow(node, index + 1))
        return false;
    if (!node->blocks[index])
        node->blocks[index] = calloc(1, FS_BLOCK);
    if (!node->blocks[index])
        return false;
    memcpy(node->blocks[index] + at % FS_BLOCK, from, len);
    return true;
}

static size_t write_blocks(struct fs_node *node, off_t at, const unsigned char *from, size_t len)
{
    size_t done = 0;

    while (done < len) {
        const size_t room = FS_BLOCK - (size_t)at % FS_BLOCK;
        const size_t n = len - done < room ? len - done : room;

        if (!write_block(node, at, from + done, n))
            break;
        done += n;
        at += (off_t)n;
    }
    return done;
}

/* Copy the first size bytes of the module's data to blocks, before a change. ENOSPC changes
 * nothing. */
static int leave_module(struct fs_node *node, size_t size)
{
    const unsigned char *from = node->module;

    if (!from)
        return 0;
    if (write_blocks(node, 0, from, size) < size) {
        free_blocks(node, 0);
        return ENOSPC;
    }
    node->module = NULL;
    return 0;
}

int fs_write(struct fs_node *node, off_t at, const void *from, size_t len, size_t *written)
{
    int error;

    *written = 0;
    if (!len)
        return 0;
    if (at >= FS_SIZE_MAX)
        return EFBIG;
    if ((off_t)len > FS_SIZE_MAX - at)
        len = (size_t)(FS_SIZE_MAX - at);
    error = leave_module(node, (size_t)node->size);
    if (error)
        return error;
    *written = write_blocks(node, at, from, len);
    if (!*written)
        return ENOSPC;
    if (at + (off_t)*written > node->size)
        node->size = at + (off_t)*written;
    node->changed = fs_now();
    return 0;
}

int fs_resize(struct fs_node *node, off_t size)
{
    const size_t kept = (size_t)(size + FS_BLOCK - 1) / FS_BLOCK;
    int error;

    if (size < 0)
        return EINVAL;
    if (size > FS_SIZE_MAX)
        return EFBIG;
    error = leave_module(node, (size_t)(size < node->size ? size : node->size));
    if (error)
        return error;
    free_blocks(node, kept);
    if (size % FS_BLOCK && kept <= node->nr_blocks && node->blocks[kept - 1])
        memset(node->blocks[kept - 1] + size % FS_BLOCK, 0, FS_BLOCK - (size_t)size % FS_BLOCK);
    node->size = size;
    node->changed = fs_now();
    return 0;
}

static blkcnt_t blocks_of(const struct fs_node *node)
{
    blkcnt_t count = 0;

    if (node->module)
        return (blkcnt_t)((node->size + 511) / 512);
    for (size_t i = 0; i < node->nr_blocks; i++)
        count += node->blocks[i] ? FS_BLOCK / 512 : 0;
    return count;
}

void fs_stat(const struct fs_node *node, struct stat *s)
{
    *s = (struct stat){.st_dev = 1, .st_mode = node->mode, .st_ino = node->number};
    s->st_nlink = node->links;
    s->st_size = node->device ? fs_device_size(node->device) : node->size;
    s->st_blksize = FS_BLOCK;
    s->st_blocks = blocks_of(node);
    s->st_mtime = s->st_ctime = s->st_atime = node->changed;
}
