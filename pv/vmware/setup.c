/* SPDX-License-Identifier: MIT */
/*
 * The VMware backend. ESX and Workstation virtualize the hardware, so nearly all ops are the native
 * ones. The backdoor (backdoor.h) adds what the hardware does not report: rates (time.c), the steal
 * clock, and whether x2APIC mode may be used.
 *
 * The last is what remains of the corner case for which class apic exists. Each access to the local
 * APIC's page is a fault that ESX has to decode an instruction for, so VMware's interface of 2007
 * replaced it by a call: apic_read and apic_write. In x2APIC mode each register is an MSR, whose
 * number the CPU hands to the hypervisor, and the call is not needed any more. But a guest uses
 * that mode only with interrupt remapping, unless the hypervisor promises that it works without.
 */
#include "lib/format.h"
#include "lib/smbios.h"
#include "lib/string.h"
#include "pv/backend.h"
#include "pv/native/apic.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/selectors.h"
#include "pv/vmware/backdoor.h"
#include "pv/vmware/vmware.h"

#define CPUID1_ECX_HYPERVISOR (1u << 31)
#define CPUID_HYPERVISOR      0x40000000

static bool cpuid_shows_vmware(void)
{
    const struct cpuid_regs r = cpuid(CPUID_HYPERVISOR, 0);
    const u32 name[] = {r.ebx, r.ecx, r.edx};

    return !memcmp(name, VMWARE_CPUID_NAME, sizeof(name));
}

static bool serial_is_vmwares(void)
{
    char serial[sizeof(VMWARE_SERIAL_PREFIX)];

    smbios_serial_number(&native_low_memory, serial, sizeof(serial));
    return !strcmp(serial, VMWARE_SERIAL_PREFIX);
}

/*
 * Another device may be at the port, and QEMU answers on it on any PC, so the port is read only on
 * a machine that is VMware's by its CPUID or, if CPUID shows no hypervisor at all, by its firmware.
 */
static const char *vmware_probe(enum boot_protocol protocol)
{
    if (protocol == BOOT_XEN_PV)
        return "entered by Xen's PV entry";
    if (cpuid(1, 0).ecx & CPUID1_ECX_HYPERVISOR)
        return cpuid_shows_vmware() ? NULL : "another hypervisor is in the CPUID leaves";
    if (!serial_is_vmwares())
        return "the machine's serial number does not begin with " VMWARE_SERIAL_PREFIX;
    return vmware_version() == VMWARE_NONE ? "the backdoor, port 0x5658, does not answer" : NULL;
}

/* An owner may have forbidden the backdoor where CPUID shows VMware: CPUID decides then. */
static const char *vmware_early_init(u64 loader_info)
{
    const u32 info = vmware_get(VMWARE_GET_VCPU_INFO).eax;

    if (vmware_version() != VMWARE_NONE)
        native_allow_x2apic(!(info & VCPU_INFO_RESERVED) && info & VCPU_INFO_LEGACY_X2APIC);
    return native_early_init(loader_info);
}

static void vmware_banner(char *text, size_t cap)
{
    const u32 version = vmware_version();

    if (version == VMWARE_NONE)
        ksnprintf(text, cap, "VMware, without its backdoor");
    else
        ksnprintf(text, cap, "VMware, backdoor version %u", version);
}

static void vmware_shutdown(enum pv_shutdown_reason reason, u8 status)
{
    vmware_steal_disable();
    native_shutdown(reason, status);
}

static void vmware_cpu_enter(void)
{
    native_cpu_enter();
    vmware_steal_enable();
}

static void vmware_cpu_leave(void)
{
    vmware_steal_disable();
    native_cpu_leave();
}

static const struct pv_setup_ops vmware_setup_ops = {
    .early_init = vmware_early_init,
    .trap_init = native_trap_init,
    .memory_map = native_memory_map,
    .platform_init = native_platform_init,
    .banner = vmware_banner,
    .console_write = native_console_write,
    .console_read = native_console_read,
    .shutdown = vmware_shutdown,
    .suspend = native_suspend,
};

static const struct pv_time_ops vmware_time_ops = {
    .time_init = vmware_time_init,
    .clock_ns = native_clock_ns,
    .clock_source = native_clock_source,
    .timer_set = native_timer_set,
    .timer_stop = native_timer_stop,
    .steal_ns = vmware_steal_ns,
    .get_wallclock = native_get_wallclock,
    .set_wallclock = native_set_wallclock,
};

static const struct pv_smp_ops vmware_smp_ops = {
    .smp_prepare = native_smp_prepare,
    .cpu_count = native_cpu_count,
    .cpu_describe = native_cpu_describe,
    .cpu_up = native_cpu_up,
    .cpu_enter = vmware_cpu_enter,
    .cpu_leave = vmware_cpu_leave,
    .cpu_down = native_cpu_down,
    .cpu_is_up = native_cpu_is_up,
    .send_ipi = native_send_ipi,
    .send_nmi = native_send_nmi,
};

const struct pv_backend pv_backend_vmware = {
    .name = "vmware",
    .probe = vmware_probe,
    .raw_write = native_raw_write,
    .raw_end = native_raw_end,
    .setup = &vmware_setup_ops,
    .irq = &native_irq_ops,
    .time = &vmware_time_ops,
    .cpu = &native_cpu_ops,
    .kernel_cs = KERNEL_CS,
    .kernel_ss = KERNEL_DS,
    .mmu = &native_mmu_ops,
    .host = &native_host_ops,
    .flag = &native_flag_ops,
    .apic = &native_apic_ops,
    .lock = &native_lock_ops,
    .smp = &vmware_smp_ops,
    .domain = &native_domain_ops,
};
