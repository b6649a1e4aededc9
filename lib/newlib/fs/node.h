/* SPDX-License-Identifier: MIT */
/* Nodes and entries: what fs/path.c and fs/tree.c use of fs/node.c. */
#ifndef LIB_NEWLIB_FS_NODE_H
#define LIB_NEWLIB_FS_NODE_H

#include "lib/newlib/fs/fs.h"

extern struct fs_node *fs_root, *fs_working;
extern time_t (*fs_now)(void);

/* Return a new node without links, or NULL: *error is ENOSPC. */
struct fs_node *node_create(mode_t mode, int *error);

/* Free the node, if it has neither links nor uses. */
void node_release(struct fs_node *node);

/* Return the entry of that name, len bytes, or NULL. */
struct fs_entry *entry_find(const struct fs_node *directory, const char *name, size_t len);

/* Give the node a name in the directory. ENOSPC without memory. */
int entry_add(struct fs_node *directory, const char *name, size_t len, struct fs_node *node);

/* Remove an entry of the directory. Its node is released. */
void entry_remove(struct fs_node *directory, struct fs_entry *entry);

#endif
