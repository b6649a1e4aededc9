/* SPDX-License-Identifier: MIT */
/*
 * The Xen PV backend. The kernel runs at CPL 3, page tables hold machine frames, and every
 * privileged operation is a hypercall or an access to memory that Xen shares. This file has its
 * probe, its early initialisation and its table.
 */
#include "lib/memory_map.h"
#include "lib/string.h"
#include "pv/backend.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"
#include "pv/xen/pv/xen_pv.h"

enum {
    CPUID_EXTENDED_FEATURES = 0x80000001,
    CPUID_NX = 1 << 20, /* edx */
};

#define BUILDERS_PAGES_MAX 16 /* after start_info: xenstore's, the console's, and some to spare */

/* A writable leaf for a frame that is not ours, so that the entry holds its mfn. */
#define PTE_FOREIGN_DATA (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_FOREIGN | PTE_NX)

static const char *xen_pv_probe(enum boot_protocol protocol)
{
    return protocol == BOOT_XEN_PV ? NULL : "not entered by Xen's PV entry";
}

static struct start_info
    *start_info; /* Written: early; later by suspend, on the only CPU that is up */

void xen_pv_move_start_info(void)
{
    start_info = xen_pv_direct_va(start_info);
    xen_console_init();
}

struct start_info *xen_pv_start_info(void)
{
    return start_info;
}

/*
 * Return the page of this machine frame, or NULL. The domain builder puts such pages between
 * start_info and the first page tables (boot/xen_pv.c), where they are mapped from the start and
 * the kernel allocates nothing; a frame anywhere else is refused.
 */
static void *builders_page(u64 mfn)
{
    const void *const end = xen_pv_direct_va((const void *)start_info->pt_base);

    for (u64 i = 1; i <= BUILDERS_PAGES_MAX; i++) {
        void *const page = (u8 *)start_info + i * PAGE_SIZE;

        if (xen_pv_direct_va(page) >= end)
            break;
        if (xen_pv_virt_to_mfn(page) == mfn)
            return page;
    }
    return NULL;
}

static void *xen_pv_toolstack_page(enum xen_page which, u32 *port)
{
    if (which == XEN_PAGE_STORE) {
        *port = start_info->store_evtchn;
        return builders_page(start_info->store_mfn);
    }
    *port = start_info->console.domU.evtchn;
    return builders_page(start_info->console.domU.mfn);
}

static bool xen_pv_map_shared_info(void)
{
    return !xen_update_va_mapping((u64)xen_shared_info_page,
                                  start_info->shared_info | PTE_FOREIGN_DATA, UVMF_INVLPG);
}

/*
 * A toolstack reads the P2M from boot on, while the domain runs: a save begins with it. It walks
 * the page tables of p2m_cr3 from p2m_vaddr (since Xen 4.6; SIF_VIRT_P2M_4TOOLS in start_info says
 * that it does), so the older tree of frame lists, pfn_to_mfn_frame_list_list, is not needed.
 * p2m_generation changes only with these page tables, and they stay.
 */
void xen_pv_publish_p2m(void)
{
    struct arch_shared_info *arch = &xen_shared_info->arch;

    arch->max_pfn = xen_pv_nr_pages;
    arch->p2m_vaddr = (u64)xen_pv_p2m;
    arch->p2m_cr3 = xen_pfn_to_cr3(xen_pv_p2m[xen_pv_kernel_root.n]);
}

/* Flush the TLB of every vCPU, which may have the page's old translation. */
static bool xen_pv_map_grant_frame(u32 index, u64 gfn, void *page)
{
    (void)index;
    return !xen_update_va_mapping((u64)page, gfn << PAGE_SHIFT | PTE_FOREIGN_DATA,
                                  UVMF_INVLPG | UVMF_ALL);
}

static void xen_pv_unmap_grant_frame(void *page)
{
    xen_update_va_mapping((u64)page, 0, UVMF_INVLPG | UVMF_ALL);
}

/* The direct map's page, whose entry balloon_adjust has cleared. */
static u64 xen_pv_grant_host_addr(pfn_t pfn)
{
    const bool is_empty = pfn.n < xen_pv_nr_pages && xen_pv_p2m[pfn.n] == INVALID_P2M_ENTRY;

    return is_empty ? (u64)pfn_to_va(pfn) : 0;
}

static const struct xen_variant pv_variant = {
    .name = "PV",
    .virt_to_gfn = xen_pv_virt_to_mfn,
    .map_shared_info = xen_pv_map_shared_info,
    .before_suspend = xen_pv_before_suspend,
    .after_suspend = xen_pv_after_suspend,
    .toolstack_page = xen_pv_toolstack_page,
    .map_grant_frame = xen_pv_map_grant_frame,
    .unmap_grant_frame = xen_pv_unmap_grant_frame,
    .grant_host_addr = xen_pv_grant_host_addr,
    .set_event_callback = xen_pv_set_event_callback,
    .initial_vcpu_context = xen_pv_initial_vcpu_context,
    .send_nmi = xen_pv_send_nmi,
};

/* Hypercalls work before early_init: Xen has filled the hypercall page before the entry. */
static __noreturn void xen_pv_raw_end(u8 status)
{
    (void)status;
    xen_console_drain();
    xen_end(PV_CRASH);
    for (;;)
        xen_vcpu_op(VCPUOP_down, 0, NULL);
}

static bool has_nx(void)
{
    struct cpuid_regs r;

    xen_pv_cpuid(CPUID_EXTENDED_FEATURES, 0, &r);
    return r.edx & CPUID_NX;
}

/* Map what Xen shares, and disable interrupts, in which state every backend starts the kernel. */
const char *xen_pv_early_init(u64 loader_info)
{
    const char *error;

    start_info = (struct start_info *)loader_info;
    xen_variant = &pv_variant;
    if (memcmp(start_info->magic, "xen-", 4))
        return "the start_info page does not begin with \"xen-\"";
    xen_pv_p2m = (u64 *)start_info->mfn_list;
    xen_console_init();
    if (!has_nx())
        return "this CPU cannot make pages non-executable (NX), which this kernel requires";
    error = xen_share_pages();
    if (error)
        return error;
    xen_pv_use_boot_batch();
    xen_pv_cpu_init();
    xen_pv_irq_disable();
    return NULL;
}

/*
 * A PV guest's memory is pfn 0 to nr_pages - 1, all of it, so no map is needed. The toolstack of a
 * domU supplies one (XENMEM_memory_map), which does not describe that memory: it ends at maxmem,
 * and with e820_host=1 it has the host's holes.
 */
const char *xen_pv_memory_map(struct boot_info *info)
{
    const u64 most = xen_pv_most_pages(info);

    boot_forget_regions(info);
    boot_add_region(info, 0, info->xen_pv.nr_pages * PAGE_SIZE, BOOT_RAM);
    xen_pv_plan_growth(info, most);
    return NULL;
}

const struct pv_setup_ops xen_pv_setup_ops = {
    .early_init = xen_pv_early_init,
    .trap_init = xen_pv_trap_init,
    .memory_map = xen_pv_memory_map,
    .platform_init = xen_platform_init,
    .banner = xen_banner,
    .console_write = xen_console_write,
    .console_read = xen_console_read,
    .shutdown = xen_shutdown,
    .suspend = xen_suspend,
};

const struct pv_backend pv_backend_xen_pv = {
    .name = "xen-pv",
    .probe = xen_pv_probe,
    .raw_write = xen_console_write,
    .raw_end = xen_pv_raw_end,
    .setup = &xen_pv_setup_ops,
    .irq = &xen_irq_ops,
    .time = &xen_time_ops,
    .cpu = &xen_pv_cpu_ops,
    .kernel_cs = FLAT_KERNEL_CS & ~3, /* Xen clears the RPL in frames of kernel mode */
    .kernel_ss = FLAT_KERNEL_SS,
    .mmu = &xen_pv_mmu_ops,
    .host = &xen_pv_host_ops,
    .flag = &xen_pv_flag_ops,
    .apic = &xen_pv_apic_ops,
    .lock = &xen_lock_ops,
    .smp = &xen_smp_ops,
    .domain = &xen_domain_ops,
};
