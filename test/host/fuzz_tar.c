/* SPDX-License-Identifier: MIT */
/*
 * Fuzzer: any bytes as an archive. The checksum of each block is corrected first, because otherwise
 * only the checksum would be tested.
 */
#include "fuzz.h"

#include "lib/newlib/tar.h"

static void set_checksums(u8 *bytes, size_t size)
{
    for (size_t at = 0; size - at >= TAR_BLOCK; at += TAR_BLOCK) {
        unsigned sum = 8 * ' ';

        for (int i = 0; i < TAR_BLOCK; i++)
            sum += i >= 148 && i < 156 ? 0 : bytes[at + i];
        if (sum > 8 * ' ' && bytes[at + 148])
            snprintf((char *)bytes + at + 148, 8, "%06o", sum);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct tar archive;
    struct tar_entry entry;
    size_t position = 0, last = 0;
    u8 *copy = malloc(size + 1);

    memcpy(copy, data, size);
    set_checksums(copy, size);
    archive = (struct tar){copy, size};
    while (tar_next(&archive, &position, &entry) == TAR_ENTRY) {
        REQUIRE(position > last && position <= size);
        REQUIRE(is_terminated(entry.path, TAR_PATH_MAX));
        REQUIRE(entry.path[0] != '/');
        REQUIRE(entry.data >= copy && entry.size <= size && entry.data + entry.size <= copy + size);
        last = position;
    }
    (void)tar_find(&archive, "folder/answer", &entry);
    free(copy);
    return 0;
}
