/* SPDX-License-Identifier: MIT */
/* What the boot paths pass to the kernel: the same facts from every loader. */
#include "lib/acpi.h"
#include "lib/address_map.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "pv/pv.h"
#include "test/harness/test.h"

extern const char _image_start[], _image_end[];

static bool in_ram(u64 start, u64 end)
{
    for (u32 i = 0; i < boot_info_ptr->nr_regions; i++) {
        const struct boot_region *r = &boot_info_ptr->regions[i];

        if (r->type == BOOT_RAM && r->base <= start && end <= r->base + r->size)
            return true;
    }
    return false;
}

TEST(boot, memory_map_is_sorted_and_disjoint, memory_map)
{
    u64 end = 0;

    EXPECT(boot_info_ptr->nr_regions > 0);
    for (u32 i = 0; i < boot_info_ptr->nr_regions; i++) {
        const struct boot_region *r = &boot_info_ptr->regions[i];

        EXPECT(r->size > 0);
        EXPECT(r->base >= end);
        EXPECT(r->base + r->size > r->base);
        end = r->base + r->size;
        if (r->type == BOOT_RAM)
            EXPECT_EQ((r->base | r->size) % PAGE_SIZE, 0);
    }
}

TEST(boot, image_is_in_ram, memory_map)
{
    EXPECT(in_ram((u64)_image_start - VIRT_BASE, (u64)_image_end - VIRT_BASE));
}

/*
 * Free memory of the map is RAM: write a pattern to the last word of each region that is mapped so
 * far.
 */
TEST(boot, free_memory_starts_after_image_and_modules)
{
    const u64 free = boot_info_ptr->first_free_pa;

    EXPECT_EQ(free % PAGE_SIZE, 0);
    EXPECT(free >= (u64)_image_end - VIRT_BASE);
    EXPECT(in_ram(free, free + PAGE_SIZE));
    for (u32 i = 0; i < boot_info_ptr->nr_modules; i++) {
        const struct boot_module *m = &boot_info_ptr->modules[i];

        EXPECT(m->base >= (u64)_image_end - VIRT_BASE || m->base + m->size <= MIB(1));
        EXPECT(in_ram(ALIGN_DOWN(m->base, PAGE_SIZE), ALIGN_UP(m->base + m->size, PAGE_SIZE)));
    }
}

TEST(boot, command_line_is_delivered)
{
    if (!cmdline.platform[0])
        SKIP("the command line has no platform=, so the test has no word to expect");
    EXPECT(strlen(boot_info_ptr->cmdline) >= strlen("platform=") + strlen(cmdline.platform));
    EXPECT(glob_match("*platform=*", boot_info_ptr->cmdline));
}

/*
 * Return the number of lines in the suite's module, a tar archive (tools/paravane/run/module.py)
 * whose first file, after its header of 512 bytes, has one line 300 times.
 */
static u32 lines_of_module(const struct boot_module *m)
{
    static const char line[] = "paravane test module\n";
    const u64 size = sizeof(line) - 1;
    const char *text = phys_to_va(m->base, m->size);
    u32 lines = 0;

    if (!text || m->size < 512 + 300 * size)
        return 0;
    while (lines < 300 && !memcmp(text + 512 + lines * size, line, size))
        lines++;
    return lines;
}

/* ./run.sh, which sets platform=, passes this one module; another caller may pass any. */
TEST(boot, module_is_delivered)
{
    const bool by_hand = !cmdline.platform[0];

    if (by_hand && !boot_info_ptr->nr_modules)
        SKIP("the loader passed no module");
    if (by_hand && !lines_of_module(&boot_info_ptr->modules[0]))
        SKIP("the module is not the suite's");
    REQUIRE(by_hand ? boot_info_ptr->nr_modules >= 1 : boot_info_ptr->nr_modules == 1);
    EXPECT_EQ(lines_of_module(&boot_info_ptr->modules[0]), 300);
}

TEST(boot, rsdp_is_acpi, platform_init)
{
    const struct phys_window low = {(const u8 *)DIRECT_MAP_BASE, 0, BOOT_MAP_SIZE};
    const struct acpi_header *fadt;

    if (boot_info_ptr->protocol == BOOT_XEN_PV)
        SKIP("Xen does not pass an RSDP to a PV guest");
    if (!boot_info_ptr->rsdp_pa && !boot_info_ptr->rsdp_size)
        SKIP("the loader passed no RSDP");
    fadt = acpi_find_table(&low, boot_info_ptr, "APIC");
    EXPECT(fadt);
}
