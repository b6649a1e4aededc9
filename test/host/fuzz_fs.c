/* SPDX-License-Identifier: MIT */
/*
 * Fuzzer: steps on programs' file system, with memory that may run out at any of them. Then the
 * tree must be sound, and removing all of it must free every node.
 */
#include "fuzz.h"

#include "fs_steps.h"

static time_t now(void)
{
    return 0;
}

static unsigned require_sound(const struct fs_node *directory)
{
    unsigned count = 0;
    u64 cookie = 0;

    for (const struct fs_entry *e = directory->entries; e; e = e->next) {
        REQUIRE(e->cookie > cookie && e->node->links && strlen(e->name) <= FS_NAME_MAX);
        REQUIRE(*e->name && !strchr(e->name, '/') && strcmp(e->name, ".") && strcmp(e->name, ".."));
        for (const struct fs_entry *other = e->next; other; other = other->next)
            REQUIRE(strcmp(e->name, other->name));
        cookie = e->cookie;
        count++;
        if (!fs_is_directory(e->node))
            continue;
        REQUIRE(e->node->parent == directory && e->node->links == 1);
        count += require_sound(e->node);
    }
    return count;
}

static void empty(struct fs_node *directory, const char *path)
{
    char name[FS_PATH_MAX];

    while (directory->entries) {
        snprintf(name, sizeof(name), "%s/%s", path, directory->entries->name);
        if (fs_is_directory(directory->entries->node)) {
            empty(directory->entries->node, name);
            REQUIRE(!fs_rmdir(name));
        } else
            REQUIRE(!fs_unlink(name));
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static bool started;
    struct fs_node *node;

    allocations_left = ~0ul;
    if (!started)
        REQUIRE(!fs_start(NULL, 0, now));
    started = true;
    REQUIRE(!fs_mkdir("/steps", 0755) && !fs_find("/steps", &node) && !fs_chdir(node));
    for (; size >= 8; data += 8, size -= 8) {
        const struct step s = {.kind = data[0] % STEP_KINDS,
                               .path = data[1] % STEP_PATHS,
                               .other = data[2] % STEP_PATHS,
                               .flags = data[3] % (sizeof(step_flags) / sizeof(step_flags[0])),
                               .at = data[4] * 80u,
                               .len = data[5] * 35u};

        allocations_left = data[6] ? ~0ul : data[7];
        step_here(&s);
        require_sound(node);
    }
    allocations_left = ~0ul;
    empty(node, "/steps");
    REQUIRE(!fs_find("/", &node) && !fs_chdir(node) && !fs_rmdir("/steps"));
    return 0;
}
