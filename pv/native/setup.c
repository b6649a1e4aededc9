/* SPDX-License-Identifier: MIT */
/*
 * The native backend: bare metal, an emulator of it, or a hypervisor that no other backend is for.
 * It is last in the list of pv/pv.c, so it is selected only if no other backend accepts the
 * machine.
 */
#include "lib/address_map.h"
#include "lib/format.h"
#include "lib/memory_map.h"
#include "pv/backend.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/native/refclock.h"
#include "pv/native/vga.h"
#include "pv/selectors.h"

#define CPUID_EXT1             0x80000001
#define CPUID_EXT1_EDX_SYSCALL (1 << 11) /* on Intel CPUs it is set in 64-bit mode only */

#define DEVICES_BASE 0xfe000000
#define DEVICES_SIZE MIB(32)

static const char *native_probe(enum boot_protocol protocol)
{
    return protocol == BOOT_XEN_PV ? "a Xen PV guest runs at CPL 3: the CPU is Xen's" : NULL;
}

const char *native_early_init(u64 loader_info)
{
    (void)loader_info;
    native_console_init();
    if (!(cpuid(CPUID_EXT1, 0).edx & CPUID_EXT1_EDX_SYSCALL))
        return "this CPU has no SYSCALL, by which user programs call the kernel";
    return NULL;
}

const struct phys_window native_low_memory = {(const u8 *)DIRECT_MAP_BASE, 0, BOOT_MAP_SIZE};

static const struct acpi_header *find_table(const struct boot_info *info, const char *signature)
{
    return acpi_find_table(&native_low_memory, info, signature);
}

/*
 * Add the devices that the direct map has to reach. The firmware's memory map, which the loader has
 * read, may not list them, or list them as something else. The chipset's are in the last 32 MiB
 * below 4 GiB on every PC: local and I/O APIC, HPET and, on microvm, ACPI's registers. No map lists
 * the screen of a VGA.
 */
const char *native_memory_map(struct boot_info *info)
{
    boot_add_devices(info, DEVICES_BASE, DEVICES_SIZE);
    native_find_apics(info);
    native_hpet_acpi_init(info, find_table(info, "HPET"));
    native_shutdown_init(info);
    if (native_vga_init())
        boot_add_devices(info, VGA_TEXT_BASE, VGA_TEXT_SIZE);
    return NULL;
}

/* Write the CPU's vendor and, if CPUID shows a hypervisor or emulator, the name that it reports. */
void native_banner(char *text, size_t cap)
{
    const struct cpuid_regs cpu = cpuid(0, 0), above = cpuid(0x40000000, 0);
    const u32 vendor[] = {cpu.ebx, cpu.edx, cpu.ecx, 0};
    const u32 name[] = {above.ebx, above.ecx, above.edx, 0};
    const bool has_above = cpuid(1, 0).ecx >> 31;

    ksnprintf(text, cap, "%s CPU%s%s", (const char *)vendor, has_above ? " of " : "",
              has_above ? (const char *)name : "");
}

void native_platform_init(const struct boot_info *info)
{
    native_smp_init_memory(info);
    native_rtc_acpi_init(find_table(info, "FACP"));
    native_clock_acpi_init(find_table(info, "FACP"));
}

/* Not implemented: on bare metal this would be ACPI's S3. */
int native_suspend(void)
{
    return -ENODEV;
}

/* The tables of all classes: each op is native_NAME. */
#define PV_CLASS_BEGIN(class)                 const struct pv_##class##_ops native_##class##_ops = {
#define PV_OP(class, ret, name, params, args) .name = native_##name,
#define PV_CLASS_END(class) \
    } \
    ;
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END

const struct pv_backend pv_backend_native = {
    .name = "native",
    .probe = native_probe,
    .raw_write = native_raw_write,
    .raw_end = native_raw_end,
    .setup = &native_setup_ops,
    .irq = &native_irq_ops,
    .time = &native_time_ops,
    .cpu = &native_cpu_ops,
    .kernel_cs = KERNEL_CS,
    .kernel_ss = KERNEL_DS,
    .mmu = &native_mmu_ops,
    .host = &native_host_ops,
    .flag = &native_flag_ops,
    .apic = &native_apic_ops,
    .lock = &native_lock_ops,
    .smp = &native_smp_ops,
    .domain = &native_domain_ops,
};
