/*
 * The native backend: bare metal, or an emulator that pretends to be. It stands at the end of the
 * list in pv/pv.c, so whoever comes here has found no hypervisor that knows better.
 */
#include "boot/layout.h"
#include "lib/format.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/native/refclock.h"
#include "pv/native/vga.h"
#include "pv/selectors.h"

#define CPUID_EXT1             0x80000001
#define CPUID_EXT1_EDX_SYSCALL (1 << 11) /* an Intel CPU has it set in 64-bit mode only */

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
 * The loader asked the firmware already, whose map need not name the chipset's devices, or name
 * them rightly: local and I/O APIC, HPET and, on microvm, ACPI's registers are in the last 32 MiB
 * below 4 GiB on every PC. No map names a VGA's screen.
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

/* The CPU's vendor and, where CPUID says that there is one, the emulator's or hypervisor's name for
 * itself. */
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

/* This kernel knows no S3; what it would have to save lies in memory, all of it. */
int native_suspend(void)
{
    return -ENODEV;
}

/* The tables of all classes: each op has the function of its name. */
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
};
