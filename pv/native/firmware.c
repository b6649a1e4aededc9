/* SPDX-License-Identifier: MIT */
/*
 * The firmware's list of CPUs and interrupt controllers: ACPI's MADT or, if it is missing, the MP
 * table. A machine with neither has one CPU for this kernel, and no device's interrupt reaches it.
 * Entries that cannot be right, or that this kernel cannot use, are ignored with a warning.
 */
#include "lib/madt.h"
#include "lib/memory_map.h"
#include "lib/mptable.h"
#include "pv/native/apic.h"
#include "pv/native/io.h"
#include "pv/native/native.h"

enum {
    CPUID1_EDX_HTT = 1 << 28,
    CPUID1_EBX_LOGICAL_SHIFT = 16, /* CPUs in the package */
};

/* A write in this range is an interrupt message (Intel SDM vol. 3, section 11.11.1). */
#define MESSAGES_BASE 0xfee00000u
#define MESSAGES_END  0xfef00000u

/* Written: by platform_init, on one CPU. */
static struct apic_config config;
static bool has_madt, has_mptable;

/*
 * Return true if memory, not registers, is at pa: RAM, or the image, which the loader's map may not
 * list as RAM. A wrong table must not make this kernel overwrite its own memory.
 */
static bool is_memory(const struct boot_info *info, u64 pa)
{
    return boot_is_ram(info, pa) || (pa >= BOOT_IMAGE_BASE && pa < info->first_free_pa);
}

static const char *why_no_registers(const struct boot_info *info, u64 pa)
{
    if (pa >= BOOT_MAP_SIZE)
        return "it is above 4 GiB";
    if (pa >= MESSAGES_BASE && pa < MESSAGES_END)
        return "interrupt messages go there";
    return is_memory(info, pa) ? "RAM is there" : NULL;
}

bool native_add_registers(struct boot_info *info, const char *what, u64 pa)
{
    const char *const why_not = why_no_registers(info, pa);

    if (why_not) {
        pv_warn("%s at %#llx is ignored: %s", what, (unsigned long long)pa, why_not);
        return false;
    }
    boot_add_devices(info, ALIGN_DOWN(pa, PAGE_SIZE), PAGE_SIZE);
    return true;
}

static void drop_ioapics_in_ram(struct boot_info *info)
{
    u32 kept = 0;

    for (u32 i = 0; i < config.nr_ioapics; i++)
        if (native_add_registers(info, "I/O APIC", config.ioapics[i].pa))
            config.ioapics[kept++] = config.ioapics[i];
    config.nr_ioapics = kept;
}

void native_find_apics(struct boot_info *info)
{
    has_madt = madt_parse(acpi_find_table(&native_low_memory, info, "APIC"), &config);
    has_mptable = !has_madt && mptable_parse(&native_low_memory, &config);
    if (config.cpus_left_out)
        pv_warn("%u more CPUs than the %u that this kernel can list are ignored",
                config.cpus_left_out, APIC_CPUS_MAX);
    if (config.ioapics_left_out)
        pv_warn("%u more I/O APICs than the %u that can be used are ignored",
                config.ioapics_left_out, APIC_IOAPICS_MAX);
    drop_ioapics_in_ram(info);
    native_map_apic(info);
}

const struct apic_config *native_apic_config(void)
{
    return &config;
}

/* The MP table is older than packages of several CPUs, and lists only the first CPU of each. */
const char *native_why_one_cpu(void)
{
    const struct cpuid_regs r = cpuid(1, 0);

    if (!has_madt && !has_mptable)
        return "neither an ACPI MADT nor an MP table lists CPUs";
    if (has_mptable && r.edx & CPUID1_EDX_HTT && (r.ebx >> CPUID1_EBX_LOGICAL_SHIFT & 0xff) > 1)
        return "the MP table lists one CPU of this package, and there is no ACPI MADT";
    return NULL;
}
