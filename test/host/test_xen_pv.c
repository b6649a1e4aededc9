/* SPDX-License-Identifier: MIT */
/*
 * boot/xen_pv.c on start_info as Xen's domain builder fills it (module and P2M table directly after
 * the kernel, or both elsewhere), with a package of modules, and with one wrong field.
 */
#include "image.h"

#include <xen/xen.h>

#define NR_PAGES  0x4000ul
#define VA_OF(pa) (IMAGE_VIRT_BASE + (pa))
#define FAR_P2M   0xffffff8000000000ul

struct packed {
    struct start_info si;
};

struct package {
    struct start_info si;
    struct xen_multiboot_mod_list list[3];
    char text[4];
    u8 contents[12]; /* up to the end of the package */
};

#define PACKAGE_OFFSET(field) (offsetof(struct package, field) - offsetof(struct package, list))

#define START_INFO(start, length, sif) \
    { \
        .magic = "xen-3.0-x86_64", .nr_pages = NR_PAGES, .shared_info = 0x7fff000, .flags = sif, \
        .pt_base = VA_OF(0x203000), .nr_pt_frames = 5, .mfn_list = VA_OF(0x190000), \
        .mod_start = start, .mod_len = length, .cmd_line = "run=suite", .first_p2m_pfn = 0x3000, \
        .nr_p2m_frames = 0x21, \
    }

static const struct packed packed = {
    START_INFO(VA_OF(0x182000), 0x5123, SIF_PRIVILEGED | SIF_INITDOMAIN)};

static const struct package package = {
    .si = START_INFO(VA_OF(IMAGE_PA + offsetof(struct package, list)),
                     sizeof(struct package) - offsetof(struct package, list), SIF_MULTIBOOT_MOD),
    .list = {{PACKAGE_OFFSET(contents), PACKAGE_OFFSET(contents) + 3, PACKAGE_OFFSET(text), 0},
             {PACKAGE_OFFSET(contents) + 4, PACKAGE_OFFSET(contents) + 11, 0, 0}},
    .text = "mod",
    .contents = "onetwothree!",
};

#define MAGIC_BAD "start_info: wrong magic"
#define PAGES_BAD "nr_pages: 0, or more than x86 can have"
#define PT_BAD    "page tables: none, not aligned, or outside of the domain's memory"
#define MOD_BAD   "module: outside of the domain's memory"
#define P2M_BAD   "P2M: too small, not aligned, or outside of the domain's memory"
#define LIST_BAD  "module: ends beyond its package, or before it starts"
#define TEXT_BAD  "command line: too long, without end, or unreadable"

static const struct lie packed_lies[] = {
    LIE(packed, si.magic[3], 0, MAGIC_BAD),
    LIE(packed, si.magic[0], 0, MAGIC_BAD),
    LIE(packed, si.nr_pages, 0, PAGES_BAD),
    LIE(packed, si.nr_pages, UINT64_MAX, PAGES_BAD),
    LIE(packed, si.nr_pages, BOOT_PA_MAX / PAGE_SIZE + 1, PAGES_BAD),
    LIE(packed, si.nr_pages, 0x209, NULL),
    LIE(packed, si.nr_pages, 0x208, PT_BAD),
    LIE(packed, si.nr_pages, 0x40000000, P2M_BAD),
    LIE(packed, si.shared_info, 0x7fff008, "shared_info: not on a page boundary"),
    LIE(packed, si.pt_base, 0, PT_BAD),
    LIE(packed, si.pt_base, VA_OF(0x203008), PT_BAD),
    LIE(packed, si.pt_base, VA_OF(NR_PAGES *PAGE_SIZE), PT_BAD),
    LIE(packed, si.pt_base, 0xfffffffffffff000, PT_BAD),
    LIE(packed, si.nr_pt_frames, 0, PT_BAD),
    LIE(packed, si.nr_pt_frames, UINT64_MAX, PT_BAD),
    LIE(packed, si.nr_pt_frames, NR_PAGES - 0x203, PT_BAD),
    LIE(packed, si.nr_pt_frames, NR_PAGES - 0x204, NULL),
    LIE(packed, si.mfn_list, VA_OF(0x190001),
        "P2M: too small, not aligned, or outside of the domain's memory"),
    LIE(packed, si.mfn_list, VA_OF(NR_PAGES *PAGE_SIZE - 8), P2M_BAD),
    LIE(packed, si.mfn_list, FAR_P2M, NULL),
    LIE(packed, si.mfn_list, 0, NULL),
    LIE(packed, si.mod_len, 0, NULL),
    LIE(packed, si.mod_len, UINT64_MAX, MOD_BAD),
    LIE(packed, si.mod_len, NR_PAGES *PAGE_SIZE - 0x182000 + 1, MOD_BAD),
    LIE(packed, si.mod_start, 0, MOD_BAD),
    LIE(packed, si.mod_start, UINT64_MAX, MOD_BAD),
    LIE(packed, si.mod_start, VA_OF(NR_PAGES *PAGE_SIZE), MOD_BAD),
    LIE(packed, si.flags, SIF_MOD_START_PFN, MOD_BAD),
    LIE(packed, si.flags, SIF_MULTIBOOT_MOD, "module package: unreadable"),
};

static const struct lie package_lies[] = {
    LIE(package, si.mod_len, 0, NULL),
    LIE(package, si.mod_len, 1, "module list: no end"),
    LIE(package, si.mod_len, sizeof(struct xen_multiboot_mod_list), LIST_BAD),
    LIE(package, si.mod_len, sizeof(struct package) - offsetof(struct package, list) + 1,
        "module package: unreadable"),
    LIE(package, si.mod_len, sizeof(struct package) - offsetof(struct package, list) - 1, LIST_BAD),
    LIE(package, list[0].mod_start, 0, NULL),
    LIE(package, list[0].mod_start, PACKAGE_OFFSET(contents) + 4, LIST_BAD),
    LIE(package, list[0].mod_end, UINT32_MAX, LIST_BAD),
    LIE(package, list[1].mod_start, UINT32_MAX, LIST_BAD),
    LIE(package, list[0].cmdline, UINT32_MAX, NULL), /* a module's string may be truncated */
    LIE(package, list[1].cmdline, PACKAGE_OFFSET(contents) + 9, NULL),
    LIE(package, list[2].mod_start, 1, LIST_BAD),
};

static const struct image images[] = {
    {"packed", &packed, sizeof(packed), packed_lies, ARRAY_SIZE(packed_lies)},
    {"package", &package, sizeof(package), package_lies, ARRAY_SIZE(package_lies)},
};

static const char *parse(const struct phys_window *w, struct boot_info *out)
{
    return boot_parse(BOOT_XEN_PV, w, IMAGE_PA, IMAGE_END_PA, out);
}

static void test_packed(void)
{
    check_image(parse, &images[0]);
    CHECK_EQ(bi.protocol, BOOT_XEN_PV);
    CHECK_STR(bi.cmdline, "run=suite");
    CHECK_STR(bi.loader, "xen-3.0-x86_64");
    CHECK(!boot_has_regions(&bi));
    CHECK_EQ(bi.nr_modules, 1);
    CHECK_EQ(bi.modules[0].base, 0x182000);
    CHECK_EQ(bi.modules[0].size, 0x5123);
    CHECK_STR(bi.modules[0].cmdline, "");
    CHECK_EQ(bi.xen_pv.start_info_pa, IMAGE_PA);
    CHECK_EQ(bi.xen_pv.nr_pages, NR_PAGES);
    CHECK_EQ(bi.xen_pv.shared_info_ma, 0x7fff000);
    CHECK_EQ(bi.xen_pv.pt_base_pa, 0x203000);
    CHECK_EQ(bi.xen_pv.nr_pt_frames, 5);
    CHECK_EQ(bi.xen_pv.p2m_va, VA_OF(0x190000));
    CHECK_EQ(bi.xen_pv.first_p2m_pfn, 0);
    CHECK_EQ(bi.xen_pv.nr_p2m_frames, 0);
    CHECK_EQ(bi.xen_pv.flags, SIF_PRIVILEGED | SIF_INITDOMAIN);
    CHECK_EQ(bi.first_free_pa, 0x209000);
}

static void test_package(void)
{
    u64 base = IMAGE_PA + offsetof(struct package, list);

    check_image(parse, &images[1]);
    CHECK_EQ(bi.nr_modules, 2);
    CHECK_EQ(bi.modules[0].base, base + PACKAGE_OFFSET(contents));
    CHECK_EQ(bi.modules[0].size, 4);
    CHECK_STR(bi.modules[0].cmdline, "mod");
    CHECK_EQ(bi.modules[1].base, base + PACKAGE_OFFSET(contents) + 4);
    CHECK_EQ(bi.modules[1].size, 8);
    CHECK_STR(bi.modules[1].cmdline, "");
}

/*
 * A dom0 with the corresponding ELF notes has its module and P2M table in frames of their own, at
 * the end of memory.
 */
static void test_far(void)
{
    struct packed far = packed;

    far.si.nr_pages = 0x200000; /* 8 GiB: more than the kernel's window can map */
    far.si.flags = SIF_MOD_START_PFN;
    far.si.mod_start = 0x1fff00;
    far.si.mfn_list = FAR_P2M;
    far.si.first_p2m_pfn = 0x1fe000;
    far.si.nr_p2m_frames = 0x1003;
    CHECK_STR(parse_bytes(parse, &far, sizeof(far)), NULL);
    CHECK_EQ(bi.modules[0].base, 0x1fff00000);
    CHECK_EQ(bi.modules[0].size, 0x5123);
    CHECK_EQ(bi.xen_pv.p2m_va, FAR_P2M);
    CHECK_EQ(bi.xen_pv.first_p2m_pfn, 0x1fe000);
    CHECK_EQ(bi.xen_pv.nr_p2m_frames, 0x1003);
    CHECK_EQ(bi.first_free_pa, 0x209000);

    far.si.first_p2m_pfn = 0x1fefff;
    CHECK_STR(parse_bytes(parse, &far, sizeof(far)), P2M_BAD);
    far.si.first_p2m_pfn = UINT64_MAX;
    CHECK_STR(parse_bytes(parse, &far, sizeof(far)), P2M_BAD);
    far.si.first_p2m_pfn = 0x1fe000;
    far.si.nr_p2m_frames = UINT64_MAX;
    CHECK_STR(parse_bytes(parse, &far, sizeof(far)), P2M_BAD);
    far.si.nr_p2m_frames = 0xfff;
    CHECK_STR(parse_bytes(parse, &far, sizeof(far)), P2M_BAD);
    far.si.nr_p2m_frames = 0x1003;
    far.si.mod_start = 0x1ffffb;
    CHECK_STR(parse_bytes(parse, &far, sizeof(far)), MOD_BAD);
    far.si.mod_start = UINT64_MAX;
    CHECK_STR(parse_bytes(parse, &far, sizeof(far)), MOD_BAD);
    far.si.mod_start = 0x1fff00;
    far.si.mod_len = UINT64_MAX;
    CHECK_STR(parse_bytes(parse, &far, sizeof(far)), MOD_BAD);
}

/* The memory from first_free_pa on is free, whichever structure is last. */
static void test_first_free(void)
{
    struct packed block = packed;

    block.si.pt_base = VA_OF(0x1c0000);
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), NULL);
    CHECK_EQ(bi.first_free_pa, IMAGE_PA + PAGE_SIZE);
    block.si.mfn_list = VA_OF(0x300000);
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), NULL);
    CHECK_EQ(bi.first_free_pa, 0x300000 + NR_PAGES * 8);
}

static void test_unterminated(void)
{
    struct packed block = packed;

    memset(block.si.cmd_line, 'x', MAX_GUEST_CMDLINE - 1);
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), NULL);
    CHECK_EQ(strlen(bi.cmdline), MAX_GUEST_CMDLINE - 1);
    block.si.cmd_line[MAX_GUEST_CMDLINE - 1] = 'x';
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), TEXT_BAD);
    block = packed;
    memset(block.si.magic + 4, 'x', sizeof(block.si.magic) - 4);
    CHECK_STR(parse_bytes(parse, &block, sizeof(block)), MAGIC_BAD);
}

static void test_address(void)
{
    struct phys_window w = {(const u8 *)&packed, IMAGE_PA, sizeof(packed)};

    CHECK_STR(boot_parse(BOOT_XEN_PV, &w, IMAGE_PA + 8, IMAGE_END_PA, &bi),
              "start_info: unreadable, or not on a page boundary");
    CHECK_STR(boot_parse(BOOT_XEN_PV, &w, 0, IMAGE_END_PA, &bi),
              "start_info: unreadable, or not on a page boundary");
    CHECK_STR(boot_parse(BOOT_XEN_PV, &w, IMAGE_PA, NR_PAGES * PAGE_SIZE + 1, &bi),
              "less memory than image and boot data take");
}

int main(int argc, char **argv)
{
    if (argc == 2) {
        for (size_t i = 0; i < ARRAY_SIZE(images); i++)
            write_seeds(argv[1], &images[i]);
        return 0;
    }
    RUN(test_packed);
    RUN(test_package);
    RUN(test_far);
    RUN(test_first_free);
    RUN(test_unterminated);
    RUN(test_address);
    return finish("xen_pv");
}
