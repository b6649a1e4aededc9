/* SPDX-License-Identifier: MIT */
/*
 * The Hyper-V backend, for Hyper-V and for hypervisors that offer its interface, KVM among them. It
 * virtualizes the hardware, so most ops are the native ones. Each feature that this backend uses is
 * offered by CPUID, and where it is not offered, or refused, the native op does the work
 * (features.c).
 *
 * "Relaxed timing", which the hypervisor may recommend, asks that no watchdog count on interrupts
 * that are on time. This kernel has none.
 */
#include "pv/backend.h"
#include "pv/hyperv/hyperv.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/selectors.h"

static const char *hyperv_probe(enum boot_protocol protocol)
{
    if (protocol == BOOT_XEN_PV)
        return "entered by Xen's PV entry";
    return hyperv_find() ? NULL : "no Hv#1 in the CPUID leaves";
}

static const char *hyperv_memory_map(struct boot_info *info)
{
    const char *error = native_memory_map(info);

    if (!error)
        hyperv_take_pages(info);
    return error;
}

static void hyperv_irq_eoi(u32 line)
{
    (void)line;
    hyperv_apic_eoi();
}

/* ---- The end of the machine ---- */

/* The first parameter is this kernel's status, the second its identity; the others have no use. */
static void report_crash(u8 status)
{
    const u64 parameters[] = {status, HV_GUEST_OS_ID, 0, 0, 0};
    u64 offers = 0;

    if (!hyperv_offers(HYPERV_CRASH) || native_read_msr_safe(MSR_HV_CRASH_CONTROL, &offers) ||
        !(offers & HV_CRASH_NOTIFY))
        return;
    for (u32 i = 0; i < ARRAY_SIZE(parameters); i++)
        native_write_msr_safe(MSR_HV_CRASH_P0 + i, parameters[i]);
    native_write_msr_safe(MSR_HV_CRASH_CONTROL, HV_CRASH_NOTIFY);
}

/* Take back what this CPU has given to the hypervisor. */
static void disable_cpu(void)
{
    hyperv_disable_timer();
    hyperv_disable_assist();
}

/*
 * The other CPUs are stopped, and cannot take back their pages: an INIT ends what they do. CPU 0
 * gets none, because it would execute the firmware.
 */
static void hyperv_shutdown(enum pv_shutdown_reason reason, u8 status)
{
    if (reason == PV_CRASH)
        report_crash(status);
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        if (cpu != pv_this_cpu() && native_cpu_is_up(cpu))
            native_cpu_down(cpu);
    disable_cpu();
    hyperv_disable_clock();
    hyperv_disable_calls();
    if (reason == PV_REBOOT && hyperv_offers(HYPERV_RESET))
        native_write_msr_safe(MSR_HV_RESET, 1);
    native_shutdown(reason, status);
}

/* ---- Other CPUs ---- */

/* A CPU that was stopped without leaving has not taken back what it had given. */
static int hyperv_cpu_up(u32 cpu, const struct pv_cpu_start *start)
{
    if (cpu < PV_CPUS_MAX && !native_cpu_is_up(cpu)) {
        hyperv_forget_assist(cpu);
        hyperv_forget_timer(cpu);
    }
    return native_cpu_up(cpu, start);
}

/* The index is read first: an online CPU may be named by a hypercall. */
static void hyperv_cpu_enter(void)
{
    hyperv_read_vp_index();
    native_cpu_enter();
    hyperv_enable_assist();
}

static void hyperv_cpu_leave(void)
{
    disable_cpu();
    native_cpu_leave();
}

/* ---- The tables ---- */

static const struct pv_setup_ops hyperv_setup_ops = {
    .early_init = native_early_init,
    .trap_init = native_trap_init,
    .memory_map = hyperv_memory_map,
    .platform_init = native_platform_init,
    .banner = native_banner,
    .console_write = native_console_write,
    .console_read = native_console_read,
    .shutdown = hyperv_shutdown,
    .suspend = native_suspend,
};

static const struct pv_irq_ops hyperv_irq_ops = {
    .irq_init = native_irq_init,
    .irq_bind = native_irq_bind,
    .irq_unbind = native_irq_unbind,
    .irq_mask = native_irq_mask,
    .irq_unmask = native_irq_unmask,
    .irq_raise = native_irq_raise,
    .irq_eoi = hyperv_irq_eoi,
};

static const struct pv_apic_ops hyperv_apic_ops = {
    .apic_read = native_apic_read,
    .apic_write = native_apic_write,
    .apic_eoi = hyperv_apic_eoi,
    .apic_icr = native_apic_icr,
    .setup_boot_clock = hyperv_setup_clock,
    .setup_secondary_clock = hyperv_setup_clock,
    .startup_ipi_hook = native_startup_ipi_hook,
};

static const struct pv_smp_ops hyperv_smp_ops = {
    .smp_prepare = native_smp_prepare,
    .cpu_count = native_cpu_count,
    .cpu_describe = native_cpu_describe,
    .cpu_up = hyperv_cpu_up,
    .cpu_enter = hyperv_cpu_enter,
    .cpu_leave = hyperv_cpu_leave,
    .cpu_down = native_cpu_down,
    .cpu_is_up = native_cpu_is_up,
    .send_ipi = hyperv_send_ipi,
    .send_nmi = native_send_nmi,
};

const struct pv_backend pv_backend_hyperv = {
    .name = "hyperv",
    .probe = hyperv_probe,
    .raw_write = native_raw_write,
    .raw_end = native_raw_end,
    .setup = &hyperv_setup_ops,
    .irq = &hyperv_irq_ops,
    .time = &hyperv_time_ops,
    .cpu = &native_cpu_ops,
    .kernel_cs = KERNEL_CS,
    .kernel_ss = KERNEL_DS,
    .mmu = &native_mmu_ops,
    .host = &hyperv_host_ops,
    .flag = &native_flag_ops,
    .apic = &hyperv_apic_ops,
    .lock = &native_lock_ops,
    .smp = &hyperv_smp_ops,
    .domain = &native_domain_ops,
};
