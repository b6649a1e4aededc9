/* SPDX-License-Identifier: MIT */
/*
 * The KVM backend. KVM virtualizes the hardware, so most ops are the native ones. Each feature of
 * KVM that this backend uses is offered by CPUID, and where it is not offered, or refused, the
 * native op does the work (records.c).
 */
#include "pv/backend.h"
#include "pv/kvm/kvm.h"
#include "pv/native/apic.h"
#include "pv/native/native.h"
#include "pv/selectors.h"

static const char *kvm_probe(enum boot_protocol protocol)
{
    if (protocol == BOOT_XEN_PV)
        return "entered by Xen's PV entry";
    return kvm_find() ? NULL : "no KVM in the CPUID leaves";
}

/*
 * KVM sets bit 0 when it puts an interrupt in service that needs no EOI, and takes the cleared bit
 * for the EOI. One instruction tests and clears, because KVM writes between any two.
 */
static bool eoi_is_unneeded(void)
{
    bool was_set;

    __asm__ volatile("btrl $0, %1"
                     : "=@ccc"(was_set), "+m"(kvm_records[pv_this_cpu()].eoi)
                     :
                     : "memory");
    return was_set;
}

static void kvm_apic_eoi(void)
{
    if (!eoi_is_unneeded())
        native_apic_eoi();
}

static void kvm_irq_eoi(u32 line)
{
    (void)line;
    kvm_apic_eoi();
}

/*
 * The other CPUs are stopped, and KVM may still write their records: an INIT takes those back. CPU
 * 0 gets none, because it would execute the firmware: if another CPU ends the machine, KVM has CPU
 * 0's records until the reset.
 */
static void kvm_shutdown(enum pv_shutdown_reason reason, u8 status)
{
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        if (cpu != pv_this_cpu() && native_cpu_is_up(cpu))
            native_cpu_down(cpu);
    kvm_disable_records();
    native_shutdown(reason, status);
}

static const struct pv_setup_ops kvm_setup_ops = {
    .early_init = native_early_init,
    .trap_init = native_trap_init,
    .memory_map = native_memory_map,
    .platform_init = native_platform_init,
    .banner = native_banner,
    .console_write = native_console_write,
    .console_read = native_console_read,
    .shutdown = kvm_shutdown,
    .suspend = native_suspend,
};

static const struct pv_irq_ops kvm_irq_ops = {
    .irq_init = native_irq_init,
    .irq_bind = native_irq_bind,
    .irq_unbind = native_irq_unbind,
    .irq_mask = native_irq_mask,
    .irq_unmask = native_irq_unmask,
    .irq_raise = native_irq_raise,
    .irq_eoi = kvm_irq_eoi,
};

static const struct pv_apic_ops kvm_apic_ops = {
    .apic_read = native_apic_read,
    .apic_write = native_apic_write,
    .apic_eoi = kvm_apic_eoi,
    .apic_icr = native_apic_icr,
    .setup_boot_clock = native_setup_boot_clock,
    .setup_secondary_clock = native_setup_secondary_clock,
    .startup_ipi_hook = native_startup_ipi_hook,
};

const struct pv_backend pv_backend_kvm = {
    .name = "kvm",
    .probe = kvm_probe,
    .raw_write = native_raw_write,
    .raw_end = native_raw_end,
    .setup = &kvm_setup_ops,
    .irq = &kvm_irq_ops,
    .time = &kvm_time_ops,
    .cpu = &native_cpu_ops,
    .kernel_cs = KERNEL_CS,
    .kernel_ss = KERNEL_DS,
    .mmu = &native_mmu_ops,
    .host = &kvm_host_ops,
    .flag = &native_flag_ops,
    .apic = &kvm_apic_ops,
    .lock = &kvm_lock_ops,
    .smp = &kvm_smp_ops,
    .domain = &native_domain_ops,
};
