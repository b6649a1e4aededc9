/* SPDX-License-Identifier: MIT */
/*
 * The pages of each CPU that the hypervisor writes: the VP assist page and, if timers send
 * messages, the message page. They are whole pages, so they are taken from the memory map, two for
 * each CPU that the firmware lists, and not kept in the image for all CPUs that there could be.
 *
 * A CPU gives its pages when it starts, and takes them back before it goes offline, before a reset
 * and before the machine ends.
 */
#include "lib/address_map.h"
#include "lib/memory_map.h"
#include "pv/hyperv/hyperv.h"
#include "pv/native/io.h"
#include "pv/native/native.h"

#define SEARCH_PAGES 65536 /* as many are looked at, after the image */

/* Written: by memory_map. 0: the CPU has no such page. */
static u64 assist_pa[PV_CPUS_MAX], message_pa[PV_CPUS_MAX];

/* Per CPU: the hypervisor writes the page. A CPU that starts another one clears that one's. */
static bool assist_is_given[PV_CPUS_MAX];

static bool is_in_module(const struct boot_info *info, u64 pa)
{
    for (u32 i = 0; i < info->nr_modules; i++) {
        const struct boot_module *m = &info->modules[i];

        if (m->base < pa + PAGE_SIZE && pa < m->base + m->size)
            return true;
    }
    return false;
}

/* Take the next page of RAM from *next on that holds nothing. Return 0 if the search has ended. */
static u64 take_page(struct boot_info *info, u64 *next, u64 end)
{
    while (*next < end) {
        const u64 pa = *next;

        *next += PAGE_SIZE;
        if (!boot_is_ram(info, pa) || !boot_is_ram(info, pa + PAGE_SIZE - 1) ||
            is_in_module(info, pa))
            continue;
        boot_add_shared(info, pa, PAGE_SIZE);
        return pa;
    }
    return 0;
}

void hyperv_take_pages(struct boot_info *info)
{
    const u32 cpus = MIN(native_apic_config()->nr_cpus + 1, PV_CPUS_MAX);
    const u64 end = info->first_free_pa + SEARCH_PAGES * PAGE_SIZE;
    u64 next = info->first_free_pa + PAGE_SIZE; /* the first page after the image stays RAM */

    for (u32 cpu = 0; cpu < cpus; cpu++) {
        if (hyperv_offers(HYPERV_ASSIST_PAGE))
            assist_pa[cpu] = take_page(info, &next, end);
        if (hyperv_offers(HYPERV_TIMERS))
            message_pa[cpu] = take_page(info, &next, end);
    }
    if (next >= end)
        pv_warn("too little RAM after the image for the pages that Hyper-V writes: some CPUs do "
                "without");
}

u64 hyperv_message_pa(u32 cpu)
{
    return message_pa[cpu];
}

volatile struct hv_assist_page *hyperv_assist(u32 cpu)
{
    return READ_ONCE(assist_is_given[cpu])
               ? (volatile struct hv_assist_page *)(DIRECT_MAP_BASE + assist_pa[cpu])
               : NULL;
}

void hyperv_enable_assist(void)
{
    const u32 cpu = pv_this_cpu();

    if (!hyperv_offers(HYPERV_ASSIST_PAGE) || !assist_pa[cpu])
        return;
    ((volatile struct hv_assist_page *)(DIRECT_MAP_BASE + assist_pa[cpu]))->no_eoi = 0;
    assist_is_given[cpu] = hyperv_set_msr(MSR_HV_ASSIST_PAGE, assist_pa[cpu] | HV_ENABLED,
                                          HYPERV_ASSIST_PAGE, "a VP assist page");
}

void hyperv_disable_assist(void)
{
    const u32 cpu = pv_this_cpu();

    if (assist_is_given[cpu])
        native_write_msr_safe(MSR_HV_ASSIST_PAGE, 0);
    WRITE_ONCE(assist_is_given[cpu], false);
}

void hyperv_forget_assist(u32 cpu)
{
    WRITE_ONCE(assist_is_given[cpu], false);
}

/*
 * The hypervisor sets bit 0 when it puts an interrupt in service that needs no EOI, and takes the
 * cleared bit for the EOI. One instruction tests and clears, because it writes between any two.
 */
static bool eoi_is_unneeded(void)
{
    volatile struct hv_assist_page *page = hyperv_assist(pv_this_cpu());
    bool was_set = false;

    if (page)
        __asm__ volatile("btrl $0, %1" : "=@ccc"(was_set), "+m"(page->no_eoi) : : "memory");
    return was_set;
}

void hyperv_apic_eoi(void)
{
    if (eoi_is_unneeded())
        return;
    if (hyperv_offers(HYPERV_EOI_MSR)) {
        hyperv_note_use(HYPERV_USED_EOI_MSR);
        if (hyperv_set_msr(MSR_HV_EOI, 0, HYPERV_EOI_MSR, "an MSR for EOIs"))
            return;
    }
    native_apic_eoi();
}
