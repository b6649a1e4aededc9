/* SPDX-License-Identifier: MIT */
/*
 * The Xen PVH backend. A PVH guest runs under hardware virtualization, so the ops of the CPU, of
 * the interrupt flag and of page tables are the native ones. Hypercalls take the place of the
 * devices that a PVH guest lacks: console, timer, interrupt controllers, power, start of other
 * CPUs.
 */
#include "lib/address_map.h"
#include "lib/memory_map.h"
#include "pv/backend.h"
#include "pv/cpuid.h"
#include "pv/native/apic.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/selectors.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"
#include "pv/xen/pvh/xen_pvh.h"
#include <xen/arch-x86/cpuid.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

/*
 * Return Xen's first CPUID leaf, or 0. It is at 0x40000000 or a multiple of 0x100 above, since Xen
 * may show Viridian's leaves first (xen/arch-x86/cpuid.h).
 */
static u32 xen_cpuid_base(void)
{
    for (u32 base = 0x40000000; base < 0x40010000; base += 0x100) {
        const struct cpuid_regs r = cpuid(base, 0);

        if (r.ebx == XEN_CPUID_SIGNATURE_EBX && r.ecx == XEN_CPUID_SIGNATURE_ECX &&
            r.edx == XEN_CPUID_SIGNATURE_EDX && r.eax >= base + 2)
            return base;
    }
    return 0;
}

static const char *xen_pvh_probe(enum boot_protocol protocol)
{
    if (protocol == BOOT_XEN_PV)
        return "entered by Xen's PV entry";
    return xen_cpuid_base() ? NULL : "no Xen in the CPUID leaves";
}

static u64 xen_pvh_virt_to_gfn(const void *va)
{
    return ((u64)va - VIRT_BASE) >> PAGE_SHIFT;
}

/* Have Xen put one of its own frames in place of the frame that holds this page of the image. */
static bool xen_pvh_map_xen_frame(unsigned int space, u32 index, const void *page)
{
    struct xen_add_to_physmap map = {
        .domid = DOMID_SELF,
        .space = space,
        .idx = index,
        .gpfn = xen_pvh_virt_to_gfn(page),
    };

    return !xen_memory_op(XENMEM_add_to_physmap, &map);
}

static bool xen_pvh_map_shared_info(void)
{
    return xen_pvh_map_xen_frame(XENMAPSPACE_shared_info, 0, xen_shared_info_page);
}

static bool xen_pvh_map_grant_frame(u32 index, u64 gfn, void *page)
{
    (void)gfn;
    return xen_pvh_map_xen_frame(XENMAPSPACE_grant_table, index, page);
}

/* The toolstack of a PVH guest recognizes Xen's frames and does not save them. */
static void xen_pvh_unmap_grant_frame(void *page)
{
    (void)page;
}

/* The frame's physical address, at which the direct map has the frame in any case. */
static u64 xen_pvh_grant_host_addr(pfn_t pfn)
{
    return pfn.n >> (52 - PAGE_SHIFT) ? 0 : pfn.n << PAGE_SHIFT;
}

/* Have Xen fill the hypercall page; the kind of its instruction depends on the host's CPU. */
static void enable_hypercalls(void)
{
    wrmsr(cpuid(xen_cpuid_base() + 2, 0).ebx, (u64)hypercall_page - VIRT_BASE);
}

/* Xen itself has the guest's frame table, and a PVH guest has no start_info page to update. */
static u64 xen_pvh_before_suspend(void)
{
    return 0;
}

/* In the new domain an ordinary page is where shared_info was. */
static const char *xen_pvh_after_suspend(bool cancelled)
{
    if (cancelled)
        return NULL;
    enable_hypercalls();
    return xen_map_shared_info();
}

static bool get_param(u32 index, u64 *value)
{
    struct xen_hvm_param param = {.domid = DOMID_SELF, .index = index};

    if (xen_hvm_op(HVMOP_get_param, &param))
        return false;
    *value = param.value;
    return true;
}

/* These pages are below 4 GiB, which the direct map has from the start (xen_pvh_memory_map). */
static void *xen_pvh_toolstack_page(enum xen_page which, u32 *port)
{
    const bool store = which == XEN_PAGE_STORE;
    u64 pfn, evtchn;

    if (!get_param(store ? HVM_PARAM_STORE_PFN : HVM_PARAM_CONSOLE_PFN, &pfn) ||
        !get_param(store ? HVM_PARAM_STORE_EVTCHN : HVM_PARAM_CONSOLE_EVTCHN, &evtchn) || !pfn ||
        pfn >= BOOT_MAP_SIZE / PAGE_SIZE)
        return NULL;
    *port = (u32)evtchn;
    return (void *)(DIRECT_MAP_BASE + pfn * PAGE_SIZE);
}

static const struct xen_variant pvh_variant = {
    .name = "PVH",
    .virt_to_gfn = xen_pvh_virt_to_gfn,
    .map_shared_info = xen_pvh_map_shared_info,
    .before_suspend = xen_pvh_before_suspend,
    .after_suspend = xen_pvh_after_suspend,
    .toolstack_page = xen_pvh_toolstack_page,
    .map_grant_frame = xen_pvh_map_grant_frame,
    .unmap_grant_frame = xen_pvh_unmap_grant_frame,
    .grant_host_addr = xen_pvh_grant_host_addr,
    .set_event_callback = xen_pvh_set_event_callback,
    .initial_vcpu_context = xen_pvh_initial_vcpu_context,
    .send_nmi = xen_pvh_send_nmi,
};

/*
 * Xen logs what a guest writes to Bochs's debug port. No hypercall works before early_init; the
 * console of a domU does not work before it either, and is where a user looks.
 */
static void xen_pvh_raw_write(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        outb(XEN_HVM_DEBUGCONS_IOPORT, (u8)text[i]);
    if (xen_console_has_ring())
        xen_console_write(text, len);
}

/*
 * Xen ends a domain whose last vCPU halts with interrupts disabled, which a toolstack takes for a
 * power-off; the hypercall reports a crash, if early_init has come as far as the console.
 */
static __noreturn void xen_pvh_raw_end(u8 status)
{
    if (xen_console_has_ring())
        xen_shutdown(PV_CRASH, status);
    for (;;)
        native_halt();
}

static const char *xen_pvh_early_init(u64 loader_info)
{
    (void)loader_info;
    xen_variant = &pvh_variant;
    enable_hypercalls();
    xen_console_init();
    return xen_share_pages();
}

static void add_toolstack_page(struct boot_info *info, enum xen_page which)
{
    u32 port;
    const void *page = xen_is_dom0() ? NULL : xen_pvh_toolstack_page(which, &port);

    if (page)
        boot_add_shared(info, (u64)page - DIRECT_MAP_BASE, PAGE_SIZE);
}

/*
 * Add the local APIC's page, which a guest without x2APIC accesses and Xen's map may lack, and the
 * toolstack's pages, which the map of a domU lacks.
 */
static const char *xen_pvh_memory_map(struct boot_info *info)
{
    const char *error = xen_memory_map(info);

    native_map_apic(info);
    add_toolstack_page(info, XEN_PAGE_CONSOLE);
    add_toolstack_page(info, XEN_PAGE_STORE);
    if (!error && !xen_is_dom0())
        xen_pvh_give_back_missing(info);
    return error;
}

static const struct pv_setup_ops xen_pvh_setup_ops = {
    .early_init = xen_pvh_early_init,
    .trap_init = native_trap_init,
    .memory_map = xen_pvh_memory_map,
    .platform_init = xen_platform_init,
    .banner = xen_banner,
    .console_write = xen_console_write,
    .console_read = xen_console_read,
    .shutdown = xen_shutdown,
    .suspend = xen_suspend,
};

const struct pv_backend pv_backend_xen_pvh = {
    .name = "xen-pvh",
    .probe = xen_pvh_probe,
    .raw_write = xen_pvh_raw_write,
    .raw_end = xen_pvh_raw_end,
    .setup = &xen_pvh_setup_ops,
    .irq = &xen_irq_ops,
    .time = &xen_time_ops,
    .cpu = &native_cpu_ops,
    .kernel_cs = KERNEL_CS,
    .kernel_ss = KERNEL_DS,
    .mmu = &native_mmu_ops,
    .host = &xen_pvh_host_ops,
    .flag = &native_flag_ops,
    .apic = &xen_pvh_apic_ops,
    .lock = &xen_lock_ops,
    .smp = &xen_smp_ops,
    .domain = &xen_domain_ops,
};
