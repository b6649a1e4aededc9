/* SPDX-License-Identifier: MIT */
/*
 * pv/native/firmware.c: which table counts, and which registers of those that firmware lists are
 * ignored. The parsers of the tables are the test's own.
 */
#include "fake_pc.h"

#include "lib/madt.h"
#include "lib/memory_map.h"
#include "lib/mptable.h"
#include "pv/native/apic.h"
#include "pv/native/native.h"

#define IMAGE_END (BOOT_IMAGE_BASE + MIB(1))

static struct boot_info boot;

/* What the tables list. */
static struct {
    bool madt, mptable;
    struct apic_config config;
    u32 package_cpus;
    char signature[5];
    u32 mapped; /* calls of native_map_apic */
} pc;

static bool fake_madt(const struct acpi_header *table, struct apic_config *config)
{
    CHECK(!table);
    *config = pc.config;
    return pc.madt;
}

static bool fake_mptable(const struct phys_window *w, struct apic_config *config)
{
    CHECK(w == &native_low_memory);
    *config = pc.config;
    return pc.mptable;
}

static const struct acpi_header *fake_find_table(const struct phys_window *w,
                                                 const struct boot_info *bi, const char *signature)
{
    CHECK(w == &native_low_memory && bi == &boot);
    strcpy(pc.signature, signature);
    return NULL;
}

static struct cpuid_regs fake_cpuid(u32 leaf, u32 subleaf)
{
    CHECK(leaf == 1 && subleaf == 0);
    return (struct cpuid_regs){.ebx = pc.package_cpus << 16,
                               .edx = pc.package_cpus > 1 ? 1 << 28 : 0};
}

static void port_write(u16 port, u32 value)
{
    CHECK(!port && !value);
}

static u32 port_read(u16 port)
{
    CHECK(!port);
    return 0;
}

void native_map_apic(struct boot_info *bi)
{
    CHECK(bi == &boot);
    pc.mapped++;
}

#define madt_parse      fake_madt
#define mptable_parse   fake_mptable
#define acpi_find_table fake_find_table
#define cpuid           fake_cpuid

#include "pv/native/firmware.c"

const struct phys_window native_low_memory;

static void start(void)
{
    memset(&pc, 0, sizeof(pc));
    memset(&boot, 0, sizeof(boot));
    boot.first_free_pa = IMAGE_END;
    boot_add_region(&boot, 0, 0x9f000, BOOT_RAM);
    boot_add_region(&boot, MIB(256), MIB(256), BOOT_RAM);
    boot_add_region(&boot, 0xfd000000, 0x1000, BOOT_RESERVED);
    warnings = 0;
}

static void check_registers(u64 pa, bool accepted)
{
    start();
    CHECK_EQ(native_add_registers(&boot, "it", pa), accepted);
    CHECK_EQ(warnings, !accepted);
    for (u64 i = 0; accepted && i < PAGE_SIZE; i += PAGE_SIZE / 4)
        CHECK(!boot_is_ram(&boot, ALIGN_DOWN(pa, PAGE_SIZE) + i));
}

static void memory_and_messages_are_no_registers(void)
{
    check_registers(0xfec00000, true);
    check_registers(0xfec01010, true);
    check_registers(0xfd000000, true); /* reserved */
    check_registers(0x1000, false);
    check_registers(MIB(256), false);
    check_registers(MIB(512) - 1, false);
    check_registers(MIB(512), true);
    check_registers(BOOT_IMAGE_BASE - PAGE_SIZE, true);
    check_registers(BOOT_IMAGE_BASE, false); /* the loader's map may not list the image */
    check_registers(IMAGE_END - 1, false);
    check_registers(IMAGE_END, true);
    check_registers(0xfedff000, true);
    check_registers(0xfee00000, false);
    check_registers(0xfeefffff, false);
    check_registers(0xfef00000, true);
    check_registers(0xfffff000, true);
    check_registers(GIB(4), false);
}

static void ioapics_that_are_kept_are_contiguous(void)
{
    start();
    pc.madt = true;
    pc.config.nr_ioapics = 4;
    pc.config.ioapics[0] = (struct apic_ioapic){MIB(300), 0};
    pc.config.ioapics[1] = (struct apic_ioapic){0xfec00000, 24};
    pc.config.ioapics[2] = (struct apic_ioapic){0xfee00000, 48};
    pc.config.ioapics[3] = (struct apic_ioapic){0xfec01000, 72};
    native_find_apics(&boot);
    CHECK_EQ(native_apic_config()->nr_ioapics, 2);
    CHECK_EQ(native_apic_config()->ioapics[0].pa, 0xfec00000);
    CHECK_EQ(native_apic_config()->ioapics[0].gsi_base, 24);
    CHECK_EQ(native_apic_config()->ioapics[1].pa, 0xfec01000);
    CHECK_EQ(native_apic_config()->ioapics[1].gsi_base, 72);
    CHECK_EQ(warnings, 2);
    CHECK_EQ(pc.mapped, 1);
    CHECK_STR(pc.signature, "APIC");
}

static void what_is_left_out_is_reported(void)
{
    start();
    pc.madt = true;
    pc.config.cpus_left_out = 1;
    native_find_apics(&boot);
    CHECK_EQ(warnings, 1);
    pc.config.ioapics_left_out = 1;
    native_find_apics(&boot);
    CHECK_EQ(warnings, 3);
}

static const char *why(bool madt, bool mptable, u32 package_cpus)
{
    start();
    pc.madt = madt;
    pc.mptable = mptable;
    pc.package_cpus = package_cpus;
    native_find_apics(&boot);
    return native_why_one_cpu();
}

/* The MP table counts only without a MADT. */
static void one_cpu_has_a_reason(void)
{
    CHECK(!why(true, false, 1) && !why(true, true, 2) && !why(false, true, 1));
    CHECK_STR(why(false, false, 2), "neither an ACPI MADT nor an MP table lists CPUs");
    CHECK_STR(why(false, true, 2),
              "the MP table lists one CPU of this package, and there is no ACPI MADT");
}

int main(void)
{
    RUN(memory_and_messages_are_no_registers);
    RUN(ioapics_that_are_kept_are_contiguous);
    RUN(what_is_left_out_is_reported);
    RUN(one_cpu_has_a_reason);
    return finish("native_firmware");
}
