/* SPDX-License-Identifier: MIT */
/* boot/multiboot2.c on a block as GRUB builds it, and on blocks with one wrong field. */
#include "image.h"

#include "boot/multiboot2.h"

/* A tag with its contents and the padding before the next tag. */
#define TAG(name, contents) \
    struct __packed { \
        struct multiboot2_tag tag; \
        contents \
    } name __aligned(8)

struct block {
    struct multiboot2_info head;
    TAG(cmdline, char text[19];);
    TAG(loader, char text[10];);
    TAG(near, struct multiboot2_module m; char text[4];);
    TAG(far, struct multiboot2_module m; char text[1];);
    TAG(mmap, struct multiboot2_mmap head; struct multiboot2_mmap_entry entries[3];);
    TAG(unknown, u8 bytes[5];);
    TAG(acpi_new, u8 rsdp[36];);
    TAG(acpi_old, u8 rsdp[20];);
    TAG(end, );
};

static struct block good = {
    .head = {sizeof(struct block), 0},
    .cmdline = {{MULTIBOOT2_TAG_CMDLINE, 8 + 19}, "run=suite log=info"},
    .loader = {{MULTIBOOT2_TAG_LOADER_NAME, 8 + 10}, "GRUB 2.06"},
    .near = {{MULTIBOOT2_TAG_MODULE, 16 + 4}, {0x181000, 0x182800}, "mod"},
    .far = {{MULTIBOOT2_TAG_MODULE, 16 + 1}, {0x8000000, 0x8000001}, ""},
    .mmap = {{MULTIBOOT2_TAG_MMAP, 16 + 3 * 24},
             {24, 0},
             {{0, 0x9fc00, 1, 0}, {0x100000, 0x7ee0000, 1, 0}, {0xfffc0000, 0x40000, 9, 0}}},
    .unknown = {{99, 8 + 5}, {1, 2, 3, 4, 5}},
    .acpi_new = {{MULTIBOOT2_TAG_ACPI_NEW, 8 + 36}, "RSD PTR new"},
    .acpi_old = {{MULTIBOOT2_TAG_ACPI_OLD, 8 + 20}, "RSD PTR old"},
    .end = {{MULTIBOOT2_TAG_END, 8}},
};

#define UNREADABLE "info block: unreadable, or not on an 8-byte boundary"
#define NO_END     "info block: no end tag"
#define TAG_BAD    "tag: ends before its content, or beyond the info block"
#define TOO_SHORT  "tag: too short for its type"
#define TEXT_BAD   "command line: too long, without end, or unreadable"
#define ENTRY_BAD  "memory map: wrong entry size"

static const struct lie lies[] = {
    LIE(block, head.total_size, 0, NO_END),
    LIE(block, head.total_size, 15, NO_END),
    LIE(block, head.total_size, UINT32_MAX, UNREADABLE),
    LIE(block, head.total_size, sizeof(struct block) + 1, UNREADABLE),
    LIE(block, head.total_size, sizeof(struct block) - 8, NO_END),
    LIE(block, head.total_size, sizeof(struct block) - 1, NO_END),
    LIE(block, head.total_size, 36, NO_END), /* in padding */
    LIE(block, head.total_size, 17, TAG_BAD),
    LIE(block, cmdline.tag.size, 0, TAG_BAD),
    LIE(block, cmdline.tag.size, 7, TAG_BAD),
    LIE(block, cmdline.tag.size, 8, TEXT_BAD),
    LIE(block, cmdline.tag.size, 8 + 18, TEXT_BAD),
    LIE(block, cmdline.tag.size, UINT32_MAX, TAG_BAD),
    LIE(block, cmdline.tag.size, sizeof(struct block), TAG_BAD),
    LIE(block, cmdline.tag.size, sizeof(struct block) - 8, NO_END),
    LIE(block, loader.tag.size, 8, TAG_BAD),   /* its text is read as a tag */
    LIE(block, loader.tag.size, 8 + 9, NULL),  /* only informative: it may be truncated */
    LIE(block, near.tag.size, 8 + 7, TAG_BAD), /* its text is read as a tag */
    LIE(block, near.tag.size, 8 + 8, TAG_BAD), /* its text is read as a tag */
    LIE(block, near.text[3], 'x', NULL),       /* a module's string may be truncated */
    LIE(block, near.m.end, 0x180fff, NULL),    /* a module may be ignored */
    LIE(block, near.m.end, 0x181000, NULL),
    LIE(block, far.m.start, UINT32_MAX, NULL),
    LIE(block, far.m.end, UINT32_MAX, NULL),
    LIE(block, mmap.tag.size, 8 + 7, TOO_SHORT),
    LIE(block, mmap.tag.size, 8 + 8, TAG_BAD),
    LIE(block, mmap.tag.size, 16 + 2 * 24 + 8, ENTRY_BAD),
    LIE(block, mmap.head.entry_size, 0, ENTRY_BAD),
    LIE(block, mmap.head.entry_size, 16, ENTRY_BAD),
    LIE(block, mmap.head.entry_size, 28, ENTRY_BAD),
    LIE(block, mmap.head.entry_size, 72, NULL),
    LIE(block, mmap.head.entry_size, 80, ENTRY_BAD),
    LIE(block, mmap.head.entry_size, 0xfffffff8, ENTRY_BAD),
    LIE(block, mmap.entries[1].size, UINT64_MAX, NULL),
    LIE(block, acpi_new.tag.size, 8 + 35, NULL),
    LIE(block, acpi_old.tag.size, 8 + 19, NULL),
    LIE(block, end.tag.size, 0, TAG_BAD),
    LIE(block, end.tag.size, 16, TAG_BAD),
    LIE(block, end.tag.type, 77, NO_END),
};

static const struct image image = {"grub", &good, sizeof(good), lies, ARRAY_SIZE(lies)};

static const char *parse(const struct phys_window *w, struct boot_info *out)
{
    return boot_parse(BOOT_MULTIBOOT2, w, IMAGE_PA, IMAGE_END_PA, out);
}

static void test_good(void)
{
    check_image(parse, &image);
    CHECK_EQ(bi.protocol, BOOT_MULTIBOOT2);
    CHECK_STR(bi.cmdline, "run=suite log=info");
    CHECK_STR(bi.loader, "GRUB 2.06");
    CHECK_EQ(bi.nr_modules, 2);
    CHECK_EQ(bi.modules[0].base, 0x181000);
    CHECK_EQ(bi.modules[0].size, 0x1800);
    CHECK_STR(bi.modules[0].cmdline, "mod");
    CHECK_EQ(bi.modules[1].base, 0x8000000);
    CHECK_EQ(bi.modules[1].size, 1);
    CHECK_STR(bi.modules[1].cmdline, "");
    CHECK_STR(boot_memory_finish(&bi), NULL);
    CHECK_EQ(bi.nr_regions, 3);
    CHECK_EQ(bi.regions[1].base, 0x100000);
    CHECK_EQ(bi.regions[1].size, 0x7ee0000);
    CHECK_EQ(bi.regions[1].type, BOOT_RAM);
    CHECK_EQ(bi.regions[2].type, BOOT_RESERVED);
    CHECK_EQ(bi.rsdp_size, 36);
    CHECK_STR((const char *)bi.rsdp, "RSD PTR new");
    CHECK_EQ(bi.rsdp_pa, 0);
    CHECK_EQ(bi.first_free_pa, 0x183000);
}

static void test_address(void)
{
    struct phys_window w = {(const u8 *)&good, IMAGE_PA, sizeof(good)};

    CHECK_STR(boot_parse(BOOT_MULTIBOOT2, &w, IMAGE_PA + 4, IMAGE_END_PA, &bi), UNREADABLE);
    CHECK_STR(boot_parse(BOOT_MULTIBOOT2, &w, IMAGE_PA - 8, IMAGE_END_PA, &bi), UNREADABLE);
    CHECK_STR(boot_parse(BOOT_MULTIBOOT2, &w, 0xfffffffffffffff8, IMAGE_END_PA, &bi), UNREADABLE);
}

/* Parse a block of count tags of one type with the same contents, and an end tag. */
static const char *parse_many(u32 count, u32 type, const void *contents, u32 size)
{
    size_t stride = ALIGN_UP(sizeof(struct multiboot2_tag) + size, 8ul);
    struct multiboot2_info head = {(u32)(sizeof(head) + count * stride + 8), 0};
    struct multiboot2_tag tag = {type, (u32)sizeof(tag) + size};
    u8 *bytes = calloc(1, head.total_size);
    const char *error;

    memcpy(bytes, &head, sizeof(head));
    for (u32 i = 0; i < count; i++) {
        memcpy(bytes + sizeof(head) + i * stride, &tag, sizeof(tag));
        memcpy(bytes + sizeof(head) + i * stride + sizeof(tag), contents, size);
    }
    bytes[head.total_size - 4] = 8;
    error = parse_bytes(parse, bytes, head.total_size);
    free(bytes);
    return error;
}

static void test_many(void)
{
    static const u8 module[12] = {0, 0, 0, 1, 0, 0, 0, 2, 'm', 0};
    static char text[BOOT_CMDLINE_MAX + 1];
    struct __packed {
        struct multiboot2_mmap head;
        struct multiboot2_mmap_entry entry;
    } mmap = {{24, 0}, {0x1000, 0x1000, 1, 0}};

    CHECK_STR(parse_many(0, 0, "", 0), NULL);
    CHECK_EQ(bi.first_free_pa, 0x181000);
    CHECK_STR(parse_many(BOOT_MODULES_MAX, MULTIBOOT2_TAG_MODULE, module, sizeof(module)), NULL);
    CHECK_EQ(bi.nr_modules, BOOT_MODULES_MAX);
    CHECK_EQ(bi.modules_left_off, 0);
    CHECK_STR(parse_many(BOOT_MODULES_MAX + 3, MULTIBOOT2_TAG_MODULE, module, sizeof(module)),
              NULL);
    CHECK_EQ(bi.nr_modules, BOOT_MODULES_MAX);
    CHECK_EQ(bi.modules_left_off, 3);
    CHECK_STR(parse_many(4 * BOOT_REGIONS_MAX, MULTIBOOT2_TAG_MMAP, &mmap, sizeof(mmap)), NULL);
    CHECK_STR(boot_memory_finish(&bi), NULL);
    CHECK_EQ(bi.nr_regions, 1);

    memset(text, 'x', BOOT_CMDLINE_MAX - 1);
    CHECK_STR(parse_many(1, MULTIBOOT2_TAG_CMDLINE, text, sizeof(text)), NULL);
    CHECK_STR(parse_many(1, MULTIBOOT2_TAG_LOADER_NAME, text, sizeof(text)), NULL);
    CHECK_EQ(strlen(bi.loader), BOOT_LOADER_MAX - 1);
    text[BOOT_CMDLINE_MAX - 1] = 'x';
    CHECK_STR(parse_many(1, MULTIBOOT2_TAG_CMDLINE, text, sizeof(text)), TEXT_BAD);
}

/* A module's tag that is too short for its addresses is ignored. */
static void test_short_module(void)
{
    CHECK_STR(parse_many(3, MULTIBOOT2_TAG_MODULE, "1234567", 7), NULL);
    CHECK_EQ(bi.nr_modules, 0);
    CHECK_EQ(bi.modules_left_off, 3);
}

/* A module's string of any length: it is truncated if it does not fit, and counted. */
static void test_module_string(void)
{
    static u8 contents[8 + 400];
    const size_t most = BOOT_MODULE_CMDLINE_MAX - 1;

    for (size_t len = 1; len < 399; len++) {
        const bool is_cut = len > most;

        memset(contents, 0, sizeof(contents));
        memset(contents + 8, 'm', len);
        CHECK_STR(parse_many(2, MULTIBOOT2_TAG_MODULE, contents, sizeof(contents)), NULL);
        CHECK_EQ(bi.nr_modules, 2);
        CHECK_EQ(strlen(bi.modules[1].cmdline), is_cut ? most : len);
        CHECK_EQ(bi.module_strings_cut, is_cut ? 2 : 0);
        CHECK_EQ(bi.first_module_cut, 0);
    }
}

/* A memory map with as many entries as the parser reads, and with one more. */
static void test_long_map(void)
{
    enum { HEAD = sizeof(struct multiboot2_mmap), ENTRY = sizeof(struct multiboot2_mmap_entry) };
    static struct {
        struct multiboot2_mmap head;
        struct multiboot2_mmap_entry entries[BOOT_MAP_ENTRIES_MAX + 1];
    } map = {.head = {ENTRY, 0}};

    CHECK_STR(parse_many(1, MULTIBOOT2_TAG_MMAP, &map, HEAD + BOOT_MAP_ENTRIES_MAX * ENTRY), NULL);
    CHECK_STR(parse_many(1, MULTIBOOT2_TAG_MMAP, &map, sizeof(map)),
              "memory map: more than 16384 entries");
}

/*
 * Entries of any size that the specification allows are read; all others are refused, whatever the
 * size of the tag.
 */
static void test_entry_size(void)
{
    enum { HEAD = sizeof(struct multiboot2_mmap), NR = 3 };
    static u8 map[HEAD + NR * 64];

    for (u32 entry_size = 0; entry_size <= 64; entry_size++) {
        const bool good_size = entry_size >= 24 && entry_size % 8 == 0;

        memset(map, 0, sizeof(map));
        memcpy(map, &entry_size, sizeof(entry_size));
        for (u32 i = 0; i < NR; i++) {
            const struct multiboot2_mmap_entry e = {MIB(i + 1), PAGE_SIZE, BOOT_RAM, 0};

            memcpy(map + HEAD + i * entry_size, &e, MIN(entry_size, (u32)sizeof(e)));
        }
        CHECK_STR(parse_many(1, MULTIBOOT2_TAG_MMAP, map, HEAD + NR * entry_size),
                  good_size ? NULL : ENTRY_BAD);
        if (good_size) {
            CHECK_STR(boot_memory_finish(&bi), NULL);
            CHECK_EQ(bi.nr_regions, NR);
        }
    }
}

/* A module that ends before it starts is ignored; an empty one is a module. */
static void test_module_ends(void)
{
    struct block block = good;

    block.near.m.end = block.near.m.start - 1;
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), NULL);
    CHECK_EQ(bi.nr_modules, 1);
    CHECK_EQ(bi.modules_left_off, 1);
    CHECK_EQ(bi.modules[0].base, 0x8000000);
    block.near.m.end = block.near.m.start;
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), NULL);
    CHECK_EQ(bi.nr_modules, 2);
    CHECK_EQ(bi.modules_left_off, 0);
}

/* The newer of two ACPI tags is used, in either order; the old one alone is sufficient. */
static void test_rsdp(void)
{
    struct block block = good;

    block.acpi_new.tag.size = 8 + 35;
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), NULL);
    CHECK_EQ(bi.rsdp_size, 20);
    block = good;
    block.acpi_new.tag.type = 99;
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), NULL);
    CHECK_EQ(bi.rsdp_size, 20);
    CHECK_STR((const char *)bi.rsdp, "RSD PTR old");
    block.acpi_old.tag.type = 99;
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), NULL);
    CHECK_EQ(bi.rsdp_size, 0);
}

int main(int argc, char **argv)
{
    if (argc == 2) {
        write_seeds(argv[1], &image);
        return 0;
    }
    RUN(test_good);
    RUN(test_address);
    RUN(test_many);
    RUN(test_long_map);
    RUN(test_entry_size);
    RUN(test_module_ends);
    RUN(test_short_module);
    RUN(test_module_string);
    RUN(test_rsdp);
    return finish("multiboot2");
}
