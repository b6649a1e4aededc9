/* SPDX-License-Identifier: MIT */
/* lib/newlib/tar.c on valid and invalid archives. */
#include "harness.h"

#include "lib/newlib/tar.h"

static u8 bytes[64 * TAR_BLOCK];
static size_t size;
static struct tar_entry entry;

static void set_checksum(u8 *block)
{
    unsigned sum = 0;

    memset(block + 148, ' ', 8);
    for (int i = 0; i < TAR_BLOCK; i++)
        sum += block[i];
    snprintf((char *)block + 148, 8, "%06o", sum);
}

static u8 *add(const char *name, char type, const char *data)
{
    u8 *block = bytes + size;
    size_t len = strlen(data);

    memset(block, 0, TAR_BLOCK);
    memcpy(block, name, MIN(strlen(name), 100));
    snprintf((char *)block + 124, 12, "%011zo", len);
    snprintf((char *)block + 136, 12, "%011o", 1700000000);
    block[156] = (u8)type;
    memcpy(block + 257, "ustar\00000", 8);
    set_checksum(block);
    memcpy(block + TAR_BLOCK, data, len);
    size += TAR_BLOCK + ALIGN_UP(len, TAR_BLOCK);
    return block;
}

static void begin(void)
{
    memset(bytes, 0, sizeof(bytes));
    size = 0;
}

static enum tar_result find(const char *path)
{
    /* A copy of exact size, so that the sanitizers detect a read after its end. */
    u8 *copy = malloc(size ? size : 1);
    struct tar archive = {copy, size};
    enum tar_result result;

    memcpy(copy, bytes, size);
    result = tar_find(&archive, path, &entry);
    if (result == TAR_ENTRY && entry.data) {
        CHECK(entry.data >= copy && entry.data + entry.size <= copy + size);
        entry.data = bytes + (entry.data - copy);
    }
    free(copy);
    return result;
}

static void end(void)
{
    size += 2 * TAR_BLOCK;
}

static void test_files(void)
{
    begin();
    add("a", '0', "first");
    add("./b/c", '0', "");
    add("b/link", '2', "");
    add("d/", '5', "");
    add("old", '\0', "old kind");
    end();
    CHECK_EQ(find("a"), TAR_ENTRY);
    CHECK(!entry.is_directory && entry.size == 5 && !memcmp(entry.data, "first", 5));
    CHECK_EQ(entry.mtime, 1700000000);
    CHECK(find("b/c") == TAR_ENTRY && entry.size == 0 && !entry.is_directory);
    CHECK(find("b") == TAR_ENTRY && entry.is_directory);
    CHECK(find("d") == TAR_ENTRY && entry.is_directory);
    CHECK(find("") == TAR_ENTRY && entry.is_directory);
    CHECK(find("old") == TAR_ENTRY && entry.size == 8);
    CHECK_EQ(find("b/link"), TAR_END);
    CHECK_EQ(find("b/"), TAR_END);
    CHECK_EQ(find("aa"), TAR_END);
}

static void test_long_names(void)
{
    char name[TAR_PATH_MAX + 10], prefix[130];
    u8 *block;

    memset(name, 'n', sizeof(name));
    name[200] = '\0';
    begin();
    add("././@LongLink", 'L', name);
    add("cut", '0', "long");
    end();
    CHECK(find(name) == TAR_ENTRY && entry.size == 4);
    CHECK_EQ(find("cut"), TAR_END);

    begin();
    add("././@LongLink", 'L', "first");
    add("././@LongLink", 'L', "second"); /* replaces the one before */
    add("cut", '0', "x");
    end();
    CHECK_EQ(find("second"), TAR_ENTRY);
    CHECK_EQ(find("firstsecond"), TAR_END);

    memset(prefix, 'p', sizeof(prefix));
    prefix[120] = '\0';
    begin();
    block = add("file", '0', "x");
    memcpy(block + 345, prefix, 120);
    set_checksum(block);
    end();
    strcpy(prefix + 120, "/file");
    CHECK(find(prefix) == TAR_ENTRY && entry.size == 1);

    memset(name, 'n', sizeof(name));
    name[TAR_PATH_MAX] = '\0';
    begin();
    add("././@LongLink", 'L', name);
    add("cut", '0', "long");
    end();
    CHECK_EQ(find("cut"), TAR_DAMAGED);
}

static void test_damage(void)
{
    u8 *block;

    begin();
    CHECK_EQ(find("a"), TAR_DAMAGED);
    CHECK_EQ(find(""), TAR_ENTRY);
    add("a", '0', "first");
    size = TAR_BLOCK + 5;
    CHECK_EQ(find("a"), TAR_ENTRY);
    CHECK_EQ(find("b"), TAR_DAMAGED);
    size--;
    CHECK_EQ(find("a"), TAR_DAMAGED);
    size = TAR_BLOCK - 1;
    CHECK_EQ(find("a"), TAR_DAMAGED);

    begin();
    block = add("a", '0', "first");
    end();
    block[0] = 'b';
    CHECK_EQ(find("b"), TAR_DAMAGED);

    begin();
    block = add("a", '0', "first");
    end();
    memcpy(block + 124, "77777777777", 12);
    set_checksum(block);
    CHECK_EQ(find("a"), TAR_DAMAGED);
    memcpy(block + 124, "0000000000x", 12);
    set_checksum(block);
    CHECK_EQ(find("a"), TAR_DAMAGED);
    memset(block + 124, ' ', 12);
    set_checksum(block);
    CHECK_EQ(find("a"), TAR_DAMAGED);
}

int main(void)
{
    RUN(test_files);
    RUN(test_long_names);
    RUN(test_damage);
    return finish("tar");
}
