/* SPDX-License-Identifier: MIT */
/*
 * lib/newlib/fs/: single rules, the module's files, limits, and random steps that are compared with
 * those of this machine's own file system.
 */
#include "harness.h"

#include "fs_steps.h"
#include "lib/newlib/fs/node.h"
#include "lib/newlib/tar.h"

#define BLOCKS 12

static u8 archive[BLOCKS * TAR_BLOCK];
static time_t clock_seconds = 1000;

static time_t now(void)
{
    return clock_seconds;
}

/* Fill block at of the archive with a header, and the block after it with data. */
static void add_member(int at, const char *name, char type, const char *data)
{
    u8 *block = archive + at * TAR_BLOCK;
    unsigned sum = 0;

    memset(block, 0, 2 * TAR_BLOCK);
    strcpy((char *)block, name);
    sprintf((char *)block + 124, "%011o", (unsigned)strlen(data));
    sprintf((char *)block + 136, "%011o", 1234);
    memset(block + 148, ' ', 8);
    block[156] = (u8)type;
    for (int i = 0; i < TAR_BLOCK; i++)
        sum += block[i];
    sprintf((char *)block + 148, "%06o", sum);
    strcpy((char *)block + TAR_BLOCK, data);
}

/* Remove all that is in a directory. */
static void empty(const char *path)
{
    const struct fs_entry *e;
    struct fs_node *node;
    char name[FS_PATH_MAX];

    if (fs_find(path, &node))
        return;
    while ((e = fs_list(node, 0))) {
        snprintf(name, sizeof(name), "%s/%s", path, e->name);
        if (fs_is_directory(e->node)) {
            empty(name);
            CHECK_EQ(fs_rmdir(name), 0);
        } else
            CHECK_EQ(fs_unlink(name), 0);
    }
}

/* Free the tree, so that another can be made and the sanitizer finds what is left of it. */
static void discard(void)
{
    empty("/");
    fs_root->links = fs_root->uses = 0;
    node_release(fs_root);
}

static int write_file(const char *path, const char *text)
{
    struct fs_node *node;
    size_t written;
    int error = fs_open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644, &node);

    if (error)
        return error;
    error = fs_write(node, 0, text, strlen(text), &written);
    fs_close(node);
    return error;
}

static const char *text_of(const char *path)
{
    static char text[64];
    struct fs_node *node;
    size_t n;

    if (fs_find(path, &node))
        return NULL;
    n = fs_read(node, 0, text, sizeof(text) - 1);
    text[n] = '\0';
    return text;
}

static void test_module_files(void)
{
    struct fs_node *node;
    struct stat s;

    CHECK_STR(text_of("/file"), "seven b");
    CHECK_STR(text_of("/dir/deep/er"), "deeper");
    CHECK(!fs_find("/dir/deep", &node) && fs_is_directory(node));
    CHECK(!fs_find("file", &node));
    fs_stat(node, &s);
    CHECK_EQ(s.st_mtime, 1234);
    CHECK_EQ(s.st_size, 7);
    CHECK_EQ(s.st_blocks, 1);
    CHECK_EQ(fs_find("/file/x", &node), ENOTDIR);
    CHECK_EQ(fs_find("/file/", &node), ENOTDIR);
    CHECK_EQ(fs_find("", &node), ENOENT);
    CHECK_EQ(fs_find("/dev/nul", &node), ENOENT);
}

/* A write copies the module's data, which stays as it was. */
static void test_module_file_is_copied_on_write(void)
{
    struct fs_node *node;
    size_t written;

    CHECK_EQ(fs_open("/file", O_RDWR, 0, &node), 0);
    allocations_left = 0;
    CHECK_EQ(fs_write(node, 2, "X", 1, &written), ENOSPC);
    CHECK_STR(text_of("/file"), "seven b");
    allocations_left = ~0ul;
    CHECK_EQ(fs_write(node, 2, "X", 1, &written), 0);
    CHECK_STR(text_of("/file"), "seXen b");
    CHECK_EQ(fs_resize(node, 4), 0);
    CHECK_EQ(fs_resize(node, 6), 0);
    CHECK(!memcmp(text_of("/file"), "seXe\0", 6));
    CHECK(!memcmp(archive + TAR_BLOCK, "seven b", 7));
    fs_close(node);
}

static void test_open_file_outlives_its_name(void)
{
    struct fs_node *node, *other;
    size_t written;
    char text[8] = "";

    CHECK_EQ(fs_open("/tmp/gone", O_CREAT | O_RDWR, 0600, &node), 0);
    CHECK_EQ(fs_unlink("/tmp/gone"), 0);
    CHECK_EQ(fs_find("/tmp/gone", &other), ENOENT);
    CHECK_EQ(fs_write(node, 0, "still", 5, &written), 0);
    CHECK_EQ(fs_open("/tmp/gone", O_CREAT | O_EXCL | O_RDWR, 0600, &other), 0);
    CHECK(other != node);
    CHECK_EQ(fs_read(node, 0, text, 8), 5);
    CHECK_STR(text, "still");
    fs_close(node);
    fs_close(other);
    CHECK_EQ(fs_unlink("/tmp/gone"), 0);
}

static void test_rename_replaces(void)
{
    struct fs_node *open;
    char text[8] = "";

    CHECK_EQ(write_file("/tmp/old", "old"), 0);
    CHECK_EQ(write_file("/tmp/new", "new"), 0);
    CHECK_EQ(fs_open("/tmp/old", O_RDONLY, 0, &open), 0);
    CHECK_EQ(fs_rename("/tmp/new", "/tmp/old"), 0);
    CHECK_STR(text_of("/tmp/old"), "new");
    CHECK_STR(text_of("/tmp/new"), NULL);
    CHECK_EQ(fs_read(open, 0, text, 8), 3);
    CHECK_STR(text, "old");
    fs_close(open);
    allocations_left = 0; /* a rename that fails changes nothing */
    CHECK_EQ(write_file("/tmp/x", "x"), ENOSPC);
    CHECK_EQ(fs_rename("/tmp/old", "/tmp/x"), ENOSPC);
    allocations_left = ~0ul;
    CHECK_STR(text_of("/tmp/old"), "new");
    empty("/tmp");
}

static void test_working_directory(void)
{
    char path[FS_PATH_MAX];
    struct fs_node *node, *root;

    CHECK(!fs_mkdir("/tmp/one", 0755) && !fs_mkdir("/tmp/one/two", 0755));
    CHECK(!fs_find("/", &root) && !fs_find("/tmp/one/two", &node) && !fs_chdir(node));
    CHECK_EQ(fs_getcwd(path, sizeof(path)), 0);
    CHECK_STR(path, "/tmp/one/two");
    CHECK_EQ(fs_getcwd(path, 12), ERANGE);
    CHECK_EQ(fs_getcwd(path, 13), 0);
    CHECK_EQ(fs_getcwd(path, 0), EINVAL);
    CHECK_EQ(fs_rename("../../one", "/tmp/three"), 0);
    CHECK_EQ(fs_getcwd(path, sizeof(path)), 0);
    CHECK_STR(path, "/tmp/three/two");
    CHECK_EQ(fs_rename("/tmp/three", "/tmp/three/two/x"), EINVAL);
    CHECK_EQ(fs_rmdir("/tmp/three"), ENOTEMPTY);
    CHECK_EQ(fs_rmdir("."), EINVAL);
    CHECK_EQ(fs_rmdir("/tmp/three/two"), 0);
    CHECK_EQ(fs_getcwd(path, sizeof(path)), ENOENT);
    CHECK_EQ(fs_mkdir("x", 0755), ENOENT);
    CHECK_EQ(fs_find("..", &node), ENOENT);
    CHECK_EQ(fs_chdir(root), 0);
    CHECK_EQ(fs_getcwd(path, 2), 0);
    CHECK_STR(path, "/");
    CHECK_EQ(fs_getcwd(path, 1), ERANGE);
    CHECK_EQ(fs_rmdir("/"), EBUSY);
    CHECK_EQ(fs_rename("/", "/tmp/x"), EBUSY);
    empty("/tmp");
}

static void test_limits(void)
{
    char name[FS_NAME_MAX + 8] = "/tmp/", path[2 * FS_PATH_MAX];
    struct fs_node *node;
    size_t written;

    memset(name + 5, 'n', FS_NAME_MAX);
    name[5 + FS_NAME_MAX] = '\0';
    CHECK_EQ(write_file(name, "longest"), 0);
    CHECK_STR(text_of(name), "longest");
    strcat(name, "n");
    CHECK_EQ(write_file(name, "too long"), ENAMETOOLONG);
    memset(path, '/', sizeof(path));
    strcpy(path + FS_PATH_MAX - 4, "tmp");
    CHECK_EQ(fs_find(path, &node), 0);
    strcpy(path + FS_PATH_MAX - 3, "tmp");
    CHECK_EQ(fs_find(path, &node), ENAMETOOLONG);
    CHECK_EQ(fs_open("/tmp/big", O_CREAT | O_RDWR, 0644, &node), 0);
    CHECK_EQ(fs_write(node, FS_SIZE_MAX - 1, "xy", 2, &written), ENOSPC); /* its table is too big */
    CHECK_EQ(fs_write(node, FS_SIZE_MAX, "x", 1, &written), EFBIG);
    CHECK_EQ(fs_resize(node, FS_SIZE_MAX + 1), EFBIG);
    CHECK_EQ(fs_resize(node, -1), EINVAL);
    CHECK_EQ(fs_resize(node, FS_SIZE_MAX), 0); /* a hole */
    CHECK_EQ(node->size, FS_SIZE_MAX);
    fs_close(node);
    empty("/tmp");
}

/* A write that meets the end of memory reports what was written. */
static void test_write_is_cut_short_without_memory(void)
{
    static char data[8 * FS_BLOCK];
    struct fs_node *node;
    size_t written;

    memset(data, 'd', sizeof(data));
    CHECK_EQ(fs_open("/tmp/big", O_CREAT | O_RDWR, 0644, &node), 0);
    allocations_left = 6;
    CHECK_EQ(fs_write(node, 0, data, sizeof(data), &written), 0);
    CHECK(written > 0 && written < sizeof(data) && written % FS_BLOCK == 0);
    CHECK_EQ(node->size, written);
    allocations_left = 0;
    CHECK_EQ(fs_write(node, node->size, data, 1, &written), ENOSPC);
    allocations_left = ~0ul;
    fs_close(node);
    empty("/tmp");
}

static void test_too_many_files(void)
{
    char path[32];
    unsigned n = 0;
    int error;

    do
        sprintf(path, "/tmp/%u/%u", n / 512, n % 512);
    while ((n % 512 || !fs_mkdir((sprintf(path + 16, "/tmp/%u", n / 512), path + 16), 0755)) &&
           !(error = write_file(path, "")) && ++n);
    CHECK_EQ(error, ENOSPC);
    CHECK(n > FS_NODES_MAX - 1000 && n < FS_NODES_MAX);
    empty("/tmp");
    CHECK_EQ(write_file("/tmp/again", ""), 0);
    empty("/tmp");
}

static const struct fs_device device = {.name = "xvda", .kind = S_IFBLK, .size = 4096};

static void test_devices(void)
{
    struct fs_node *node;
    struct stat s;

    CHECK_EQ(fs_add_device(&device), 0);
    CHECK_EQ(fs_add_device(&device), EEXIST);
    CHECK_EQ(fs_find("/dev/xvda", &node), 0);
    fs_stat(node, &s);
    CHECK(S_ISBLK(s.st_mode) && s.st_size == 4096 && node->device == &device);
    CHECK_EQ(fs_open("/dev/xvda", O_RDWR | O_TRUNC, 0, &node), 0);
    fs_close(node);
}

/* ---- Steps beside this machine's own file system ----------------------------------------------
 */

static int there_file_step(const struct step *s, struct outcome *out)
{
    static u8 bytes[STEP_DATA];
    const int flags = s->kind == STEP_OPEN ? step_flags[s->flags] : O_RDONLY;
    int fd = open(step_paths[s->path], flags, 0644);
    struct stat status;
    ssize_t n = 0;

    if (fd < 0)
        return errno;
    fstat(fd, &status);
    close(fd);
    if (s->kind == STEP_OPEN)
        return 0;
    if (S_ISDIR(status.st_mode))
        return EISDIR;
    fd = open(step_paths[s->path], O_RDWR);
    if (s->kind == STEP_WRITE)
        out->value = (u64)(n = pwrite(fd, step_data, s->len, s->at));
    else if (s->kind == STEP_READ)
        out->value = sum_of(bytes, (size_t)(n = pread(fd, bytes, s->len, s->at)));
    else
        n = ftruncate(fd, s->at);
    close(fd);
    return n < 0 ? errno : 0;
}

static struct outcome step_there(const struct step *s)
{
    const char *path = step_paths[s->path], *other = step_paths[s->other];
    struct outcome out = {0, 0};
    struct stat status;
    int result = 0;

    if (s->kind <= STEP_RESIZE) {
        out.error = there_file_step(s, &out);
        return out;
    }
    switch (s->kind) {
    case STEP_UNLINK:
        result = unlink(path);
        break;
    case STEP_MKDIR:
        result = mkdir(path, 0755);
        break;
    case STEP_RMDIR:
        result = rmdir(path);
        break;
    case STEP_RENAME:
        result = rename(path, other);
        break;
    case STEP_LINK:
        result = link(path, other);
        break;
    default:
        result = stat(path, &status);
        out.value = result ? 0 : status.st_mode & S_IFMT;
        if (!result && S_ISREG(status.st_mode))
            out.value += (u64)status.st_size * 100 + status.st_nlink;
    }
    out.error = result ? errno : 0;
    return out;
}

/* Some errors have a choice in POSIX, or depend on which of two faults is looked at first. */
static int error_class(int error)
{
    switch (error) {
    case ENOTEMPTY:
    case EBUSY:
    case EINVAL:
    case EEXIST:
    case EISDIR:
    case EPERM:
    case ENOTDIR:
    case ENOENT:
        return 1;
    default:
        return error;
    }
}

/* Return whether a path ends in a component that Linux checks earlier than POSIX asks for. */
static bool ends_in_directory(const char *path)
{
    const char last = path[strlen(path) - 1];

    return last == '/' || last == '.';
}

static bool is_exact(const struct step *s)
{
    return s->kind != STEP_RENAME && s->kind != STEP_LINK && s->kind != STEP_RMDIR &&
           !ends_in_directory(step_paths[s->path]);
}

static void compare_step(const struct step *s)
{
    const struct outcome here = step_here(s), there = step_there(s);
    const bool same = is_exact(s) ? here.error == there.error
                                  : error_class(here.error) == error_class(there.error);

    if (same && (here.error || here.value == there.value)) {
        CHECK(true);
        return;
    }
    fail_at(__FILE__, __LINE__,
            "step %u of %s, %s, flags %u, at %u, %u bytes: %d and %llu here, "
            "%d and %llu there",
            s->kind, step_paths[s->path], step_paths[s->other], s->flags, s->at, s->len, here.error,
            here.value, there.error, there.value);
}

static void test_steps_beside_this_machine(void)
{
    char place[] = "/tmp/paravane-fs-XXXXXX", command[64];
    struct fs_node *node;

    CHECK(!fs_mkdir("/tmp/steps", 0755) && !fs_find("/tmp/steps", &node) && !fs_chdir(node));
    if (!mkdtemp(place) || chdir(place))
        fail_at(__FILE__, __LINE__, "no directory: %s", strerror(errno));
    random_bytes(step_data, STEP_DATA);
    for (u32 i = 0; i < 60000 && failures < 5; i++) {
        const u64 r = random_u64();
        const struct step s = {.kind = (u8)(r % STEP_KINDS),
                               .path = (u8)(r >> 8) % STEP_PATHS,
                               .other = (u8)(r >> 16) % STEP_PATHS,
                               .flags = (u8)(r >> 24) % ARRAY_SIZE(step_flags),
                               .at = (u32)(r >> 32) % 20000,
                               .len = (u32)(r >> 48) % STEP_DATA};

        compare_step(&s);
    }
    snprintf(command, sizeof(command), "rm -rf %s", place);
    if (chdir("/") || system(command))
        fail_at(__FILE__, __LINE__, "cannot remove %s", place);
    CHECK(!fs_find("/", &node) && !fs_chdir(node));
    empty("/tmp");
}

static void test_damaged_module(void)
{
    struct fs_node *node;

    archive[4 * TAR_BLOCK] ^= 1;
    discard();
    CHECK_EQ(fs_start(archive, sizeof(archive), now), 0);
    CHECK_STR(text_of("/dir/deep/er"), "deeper");
    CHECK_EQ(fs_find("/missing", &node), EIO);
    CHECK_EQ(fs_find("/dir/missing", &node), EIO);
    CHECK_EQ(write_file("/dir/missing", "x"), EIO);
    CHECK_EQ(fs_mkdir("/missing", 0755), EIO);
    CHECK_EQ(fs_link("/dir/deep/er", "/missing"), EIO);
    CHECK_EQ(fs_rename("/dir/deep/er", "/missing"), EIO);
    CHECK_EQ(fs_find("/tmp/missing", &node), ENOENT);
    CHECK_EQ(write_file("/tmp/x", "x"), 0);
    CHECK_EQ(fs_find("/dev/missing", &node), ENOENT);
    discard();
    CHECK_EQ(fs_start("not an archive", 14, now), 0);
    CHECK_EQ(fs_find("/", &node), 0);
    CHECK_EQ(fs_find("/x", &node), EIO);
    discard();
    CHECK_EQ(fs_start(NULL, 0, now), 0);
    CHECK_EQ(fs_find("/x", &node), ENOENT);
    discard();
    allocations_left = 3;
    CHECK_EQ(fs_start(NULL, 0, now), ENOMEM);
    allocations_left = ~0ul;
    discard();
}

int main(void)
{
    add_member(0, "file", '0', "seven b");
    add_member(2, "./dir/deep/er", '0', "deeper");
    add_member(4, "file/below", '0', "left out");
    add_member(6, "file", '0', "second of the name");
    add_member(8, "tmp", '5', "");
    CHECK_EQ(fs_start(archive, sizeof(archive), now), 0);
    RUN(test_module_files);
    RUN(test_module_file_is_copied_on_write);
    RUN(test_open_file_outlives_its_name);
    RUN(test_rename_replaces);
    RUN(test_working_directory);
    RUN(test_limits);
    RUN(test_write_is_cut_short_without_memory);
    RUN(test_too_many_files);
    RUN(test_devices);
    RUN(test_steps_beside_this_machine);
    RUN(test_damaged_module);
    return finish("fs");
}
