/* SPDX-License-Identifier: MIT */
/* boot/pvh.c on start_info of both versions, and with one wrong field. */
#include "image.h"

#include <sys/mman.h>
#include <xen/arch-x86/hvm/start_info.h>

struct block {
    struct hvm_start_info si;
    struct hvm_modlist_entry modules[2];
    struct hvm_memmap_table_entry memmap[3];
    char module_text[4];
    char cmdline[10];
};

#define PA_OF(field) (IMAGE_PA + offsetof(struct block, field))

static struct block good = {
    .si = {XEN_HVM_START_MAGIC_VALUE, 1, 0, 2, PA_OF(modules), PA_OF(cmdline), 0xf5b20,
           PA_OF(memmap), 3, 0},
    .modules = {{0x181000, 0x1800, 0, 0}, {0x7000123, 0x10, PA_OF(module_text), 0}},
    .memmap = {{0, 0x9fc00, 1, 0}, {0x100000, 0x7ee0000, 1, 0}, {0xfffc0000, 0x40000, 7, 0}},
    .module_text = "mod",
    .cmdline = "run=suite",
};

#define LIST_OUTSIDE "module list: unreadable"
#define MAP_OUTSIDE  "memory map: unreadable"
#define TEXT_BAD     "command line: too long, without end, or unreadable"

static const struct lie lies[] = {
    LIE(block, si.magic, 0, "start_info: wrong magic"),
    LIE(block, si.version, 0, NULL),
    LIE(block, si.version, UINT32_MAX, NULL), /* newer versions are compatible */
    LIE(block, si.nr_modules, 0, NULL),
    LIE(block, si.nr_modules, 3, NULL), /* the following bytes are read as a module */
    LIE(block, si.nr_modules, BOOT_MODULES_MAX, LIST_OUTSIDE),
    LIE(block, si.nr_modules, UINT32_MAX, LIST_OUTSIDE),
    LIE(block, si.modlist_paddr, 0, LIST_OUTSIDE),
    LIE(block, si.modlist_paddr, IMAGE_PA - 1, LIST_OUTSIDE),
    LIE(block, si.modlist_paddr, UINT64_MAX, LIST_OUTSIDE),
    LIE(block, si.cmdline_paddr, 0, NULL),
    LIE(block, si.cmdline_paddr, 1, TEXT_BAD),
    LIE(block, si.cmdline_paddr, UINT64_MAX, TEXT_BAD),
    LIE(block, si.cmdline_paddr, IMAGE_PA + sizeof(struct block), TEXT_BAD),
    LIE(block, cmdline[9], 'x', TEXT_BAD),
    LIE(block, si.memmap_entries, 0, NULL),
    LIE(block, si.memmap_entries, BOOT_REGIONS_MAX, MAP_OUTSIDE),
    LIE(block, si.memmap_entries, UINT32_MAX, MAP_OUTSIDE),
    LIE(block, si.memmap_paddr, 0, MAP_OUTSIDE),
    LIE(block, si.memmap_paddr, UINT64_MAX - 8, MAP_OUTSIDE),
    LIE(block, memmap[0].size, UINT64_MAX, NULL),
    LIE(block, modules[0].size, UINT64_MAX, NULL),
    LIE(block, modules[0].paddr, UINT64_MAX, NULL),
    LIE(block, modules[0].size, BOOT_PA_MAX - 0x181000 + 1, NULL),
    LIE(block, modules[0].size, BOOT_PA_MAX - 0x181000, NULL),
    LIE(block, modules[1].cmdline_paddr, IMAGE_PA + sizeof(struct block), NULL),
    LIE(block, modules[1].cmdline_paddr, UINT64_MAX, NULL),
};

static const struct image image = {"version1", &good, offsetof(struct block, cmdline) + 10, lies,
                                   ARRAY_SIZE(lies)};

static const char *parse(const struct phys_window *w, struct boot_info *out)
{
    return boot_parse(BOOT_PVH, w, IMAGE_PA, IMAGE_END_PA, out);
}

static void test_good(void)
{
    check_image(parse, &image);
    CHECK_EQ(bi.protocol, BOOT_PVH);
    CHECK_STR(bi.cmdline, "run=suite");
    CHECK_STR(bi.loader, "");
    CHECK_EQ(bi.nr_modules, 2);
    CHECK_EQ(bi.modules[0].base, 0x181000);
    CHECK_EQ(bi.modules[0].size, 0x1800);
    CHECK_STR(bi.modules[0].cmdline, "");
    CHECK_EQ(bi.modules[1].base, 0x7000123);
    CHECK_STR(bi.modules[1].cmdline, "mod");
    CHECK_STR(boot_memory_finish(&bi), NULL);
    CHECK_EQ(bi.nr_regions, 3);
    CHECK_EQ(bi.regions[0].size, 0x9f000);
    CHECK_EQ(bi.regions[1].type, BOOT_RAM);
    CHECK_EQ(bi.regions[2].type, BOOT_RESERVED);
    CHECK_EQ(bi.rsdp_pa, 0xf5b20);
    CHECK_EQ(bi.rsdp_size, 0);
    CHECK_EQ(bi.first_free_pa, 0x183000);
}

/* Version 0 ends before the memory map: the bytes after it must not be read. */
static void test_version_0(void)
{
    struct block block = good;
    size_t size = offsetof(struct hvm_start_info, memmap_paddr);

    block.si.version = 0;
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), NULL);
    CHECK(!boot_has_regions(&bi));
    CHECK_EQ(bi.nr_modules, 2);
    block.si.cmdline_paddr = 0;
    block.si.nr_modules = 0;
    CHECK_STR(parse_bytes(parse, &block, size), NULL);
    CHECK_STR(bi.cmdline, "");
    CHECK_STR(parse_bytes(parse, &block, size - 1), "start_info: unreadable");
    block.si.version = 1;
    CHECK_STR(parse_bytes(parse, &block, size), "start_info: unreadable");
}

/* The longest command line that fits, and one byte more. */
static void test_long_cmdline(void)
{
    static struct {
        struct hvm_start_info si;
        char text[BOOT_CMDLINE_MAX + 1];
    } block = {.si = {.magic = XEN_HVM_START_MAGIC_VALUE}};

    block.si.cmdline_paddr = IMAGE_PA + sizeof(block.si);
    memset(block.text, 'x', BOOT_CMDLINE_MAX - 1);
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), NULL);
    CHECK_EQ(strlen(bi.cmdline), BOOT_CMDLINE_MAX - 1);
    block.text[BOOT_CMDLINE_MAX - 1] = 'x';
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), TEXT_BAD);
}

/* A newer version still has the fields of version 1. */
static void test_version_2(void)
{
    struct block block = good;

    block.si.version = 2;
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), NULL);
    CHECK_STR(boot_memory_finish(&bi), NULL);
    CHECK_EQ(bi.nr_regions, 3);
}

/* More modules and regions than the parser can store. */
static void test_many(void)
{
    static struct {
        struct hvm_start_info si;
        struct hvm_modlist_entry modules[BOOT_MODULES_MAX + 5];
        struct hvm_memmap_table_entry memmap[BOOT_REGIONS_MAX + 5];
    } block = {.si = {.magic = XEN_HVM_START_MAGIC_VALUE, .version = 1}};

    block.si.modlist_paddr = IMAGE_PA + sizeof(block.si);
    block.si.memmap_paddr = block.si.modlist_paddr + sizeof(block.modules);
    for (u32 i = 0; i < BOOT_REGIONS_MAX + 5; i++)
        block.memmap[i] =
            (struct hvm_memmap_table_entry){.addr = i * 0x3000, .size = 0x2000, .type = 1};
    block.si.nr_modules = BOOT_MODULES_MAX + 5;
    block.si.memmap_entries = BOOT_REGIONS_MAX + 5;
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), NULL);
    CHECK_EQ(bi.nr_modules, BOOT_MODULES_MAX);
    CHECK_EQ(bi.modules_left_off, 5);
    CHECK_STR(boot_memory_finish(&bi), NULL);
    CHECK_EQ(bi.nr_regions, BOOT_REGIONS_MAX);
    CHECK_EQ(bi.map.ram_left_out, 5 * 0x2000);
}

/*
 * Lists of any length that a window of 4 GiB can contain, of which all but the first pages fault
 * when they are read: a parser that reads more than it can store ends the test.
 */
static void test_endless_lists(void)
{
    const u64 size = GIB(4), readable = 16 * PAGE_SIZE;
    u8 *memory = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    const struct phys_window w = {memory, IMAGE_PA, size};
    struct hvm_start_info *si = (struct hvm_start_info *)(void *)memory;

    CHECK(memory != MAP_FAILED && !mprotect(memory, readable, PROT_READ | PROT_WRITE));
    *si = (struct hvm_start_info){.magic = XEN_HVM_START_MAGIC_VALUE, .version = 1};
    si->modlist_paddr = IMAGE_PA + PAGE_SIZE;
    si->memmap_paddr = IMAGE_PA + readable;
    si->nr_modules = 1 << 20;
    CHECK_STR(parse(&w, &bi), NULL);
    CHECK_EQ(bi.nr_modules, BOOT_MODULES_MAX);
    CHECK_EQ(bi.modules_left_off, (1 << 20) - BOOT_MODULES_MAX);
    si->nr_modules = UINT32_MAX;
    CHECK_STR(parse(&w, &bi), LIST_OUTSIDE);
    si->nr_modules = (1 << 27) + 1; /* 4 GiB and 32 bytes, which are 32 in a u32 */
    CHECK_STR(parse(&w, &bi), LIST_OUTSIDE);
    si->nr_modules = 0;
    si->memmap_entries = 1 << 20;
    CHECK_STR(parse(&w, &bi), "memory map: more than 16384 entries");
    si->memmap_entries = UINT32_MAX;
    CHECK_STR(parse(&w, &bi), MAP_OUTSIDE);
    munmap(memory, size);
}

/* A list that is too long and has a module at an invalid address: both kinds are counted. */
static void test_left_off(void)
{
    static struct {
        struct hvm_start_info si;
        struct hvm_modlist_entry modules[BOOT_MODULES_MAX + 1];
    } block = {.si = {.magic = XEN_HVM_START_MAGIC_VALUE}};

    block.si.modlist_paddr = IMAGE_PA + sizeof(block.si);
    block.si.nr_modules = BOOT_MODULES_MAX + 1;
    block.modules[2].paddr = UINT64_MAX;
    block.modules[2].size = 1;
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), NULL);
    CHECK_EQ(bi.nr_modules, BOOT_MODULES_MAX - 1);
    CHECK_EQ(bi.modules_left_off, 2);
}

/* A memory map with as many entries as the parser reads, and with one more. */
static void test_long_map(void)
{
    static struct {
        struct hvm_start_info si;
        struct hvm_memmap_table_entry memmap[BOOT_MAP_ENTRIES_MAX + 1];
    } block = {.si = {.magic = XEN_HVM_START_MAGIC_VALUE, .version = 1}};

    block.si.memmap_paddr = IMAGE_PA + sizeof(block.si);
    block.si.memmap_entries = BOOT_MAP_ENTRIES_MAX;
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), NULL);
    block.si.memmap_entries = BOOT_MAP_ENTRIES_MAX + 1;
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), "memory map: more than 16384 entries");
}

/* Address 0 means "absent", even where address 0 can be read. */
static void test_absent(void)
{
    static struct {
        u64 nothing[8];
        struct hvm_start_info si;
    } memory = {.si = {.magic = XEN_HVM_START_MAGIC_VALUE, .version = 1}};
    const struct phys_window w = {(const u8 *)&memory, 0, sizeof(memory)};
    const u64 pa = sizeof(memory.nothing);

    CHECK_STR(boot_parse(BOOT_PVH, &w, pa, IMAGE_END_PA, &bi), NULL);
    memory.si.nr_modules = 1;
    CHECK_STR(boot_parse(BOOT_PVH, &w, pa, IMAGE_END_PA, &bi), LIST_OUTSIDE);
    memory.si.nr_modules = 0;
    memory.si.memmap_entries = 1;
    CHECK_STR(boot_parse(BOOT_PVH, &w, pa, IMAGE_END_PA, &bi), MAP_OUTSIDE);
}

int main(int argc, char **argv)
{
    if (argc == 2) {
        write_seeds(argv[1], &image);
        return 0;
    }
    RUN(test_good);
    RUN(test_version_0);
    RUN(test_version_2);
    RUN(test_absent);
    RUN(test_many);
    RUN(test_left_off);
    RUN(test_long_map);
    RUN(test_endless_lists);
    RUN(test_long_cmdline);
    return finish("pvh");
}
