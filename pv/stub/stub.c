/* SPDX-License-Identifier: MIT */
/*
 * The stub: an unfinished backend, and the pattern for a new one (docs/backend.md).
 *
 * Under a hypervisor that virtualizes the hardware, the native ops of the CPU work, as they do in
 * pv/xen/pvh/. The stub has these and a console, which is enough to print. Every other op ends the
 * run and names itself: it is the next one to write. pv=stub selects the stub; it is never
 * detected.
 */
#include "lib/format.h"
#include "pv/backend.h"
#include "pv/native/native.h"
#include "pv/selectors.h"
#include "pv/stub/missing.h"

/* A real backend looks for its hypervisor here, by CPUID leaf 0x40000000. */
static const char *stub_probe(enum boot_protocol protocol)
{
    return protocol == BOOT_XEN_PV ? "a Xen PV guest's CPU is Xen's, and the stub's is bare metal's"
                                   : NULL;
}

/* A real backend sets up its hypercalls and shared pages here. */
static const char *stub_early_init(u64 loader_info)
{
    (void)loader_info;
    native_console_init();
    return NULL;
}

static void stub_banner(char *text, size_t cap)
{
    ksnprintf(text, cap, "a backend to be written");
}

static const struct pv_setup_ops stub_setup_ops = {
    .early_init = stub_early_init,
    .trap_init = native_trap_init,
    .memory_map = missing_memory_map,
    .platform_init = missing_platform_init,
    .banner = stub_banner,
    .console_write = native_console_write,
    .console_read = missing_console_read,
    .shutdown = native_shutdown,
    .suspend = missing_suspend,
};

static const struct pv_backend pv_backend_stub = {
    .name = "stub",
    .probe = stub_probe,
    .raw_write = native_raw_write,
    .raw_end = native_raw_end,
    .setup = &stub_setup_ops,
    .irq = &missing_irq_ops,
    .time = &missing_time_ops,
    .cpu = &native_cpu_ops,
    .kernel_cs = KERNEL_CS,
    .kernel_ss = KERNEL_DS,
    .mmu = &missing_mmu_ops,
    .host = &missing_host_ops,
    .flag = &native_flag_ops,
    .apic = &missing_apic_ops,
    .lock = &missing_lock_ops,
    .smp = &missing_smp_ops,
    .domain = &native_domain_ops,
};

PV_BACKEND_BY_NAME(pv_backend_stub);
