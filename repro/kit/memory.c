/* SPDX-License-Identifier: MIT */
/* Pages and frames, the grant table, ports, time: see repro/kit.h. */
#include "lib/address_map.h"
#include "pv/xen/xen.h"
#include "repro/kit.h"

#define PTE_DATA 0x8000000000000063ull /* present, writable, accessed, dirty, no-execute */

static u8 pages[KIT_PAGES][PAGE_SIZE] __aligned(PAGE_SIZE);
static u32 pages_used;

void *kit_pages(u32 count)
{
    if (count > KIT_PAGES - pages_used)
        cannot_tell("the kit has no %u pages more", count);
    pages_used += count;
    return pages[pages_used - count];
}

void *kit_page(void)
{
    return kit_pages(1);
}

u64 kit_gfn(const void *va)
{
    const u64 address = (u64)va;

    return address >= VIRT_BASE ? (address - VIRT_BASE) >> PAGE_SHIFT : va_to_pfn(va).n;
}

u64 kit_mfn(const void *va)
{
    return pv_pfn_to_mfn(PFN(kit_gfn(va))).n;
}

evtchn_port_t kit_new_port(void)
{
    struct evtchn_alloc_unbound op = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};

    MUST(hc_event_channel_op(EVTCHNOP_alloc_unbound, &op));
    return op.port;
}

void kit_close_port(evtchn_port_t port)
{
    struct evtchn_close op = {.port = port};

    MUST(hc_event_channel_op(EVTCHNOP_close, &op));
}

/* On PVH the table takes the place of one of our frames; on PV the page is mapped to its frame. */
static void map_grant_frame(void *page)
{
    xen_pfn_t frame;
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
    struct xen_add_to_physmap map = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .gpfn = kit_gfn(page)};

    if (kit_place() == KIT_XEN_PVH) {
        MUST(hc_memory_op(XENMEM_add_to_physmap, &map));
        return;
    }
    set_xen_guest_handle_raw(setup.frame_list, &frame);
    MUST(hc_grant_table_op(GNTTABOP_setup_table, &setup, 1));
    if (setup.status != GNTST_okay)
        cannot_tell("GNTTABOP_setup_table: status %d", setup.status);
    MUST(hc_update_va_mapping((u64)page, frame << PAGE_SHIFT | PTE_DATA, UVMF_INVLPG));
}

struct grant_entry_v1 *kit_grant_table(void)
{
    static struct grant_entry_v1 *table;

    kit_needs(KIT_XEN);
    if (!table) {
        void *page = kit_page();

        map_grant_frame(page);
        table = page;
    }
    return table;
}

void kit_grant(u32 ref, const void *page, domid_t domain)
{
    struct grant_entry_v1 *entry = kit_grant_table() + ref;

    entry->domid = domain;
    entry->frame = (u32)(kit_place() == KIT_XEN_PV ? kit_mfn(page) : kit_gfn(page));
    barrier();
    WRITE_ONCE(entry->flags, GTF_permit_access);
}

/* As pv/xen/time.c has it: a linear function of the TSC, whose version is odd while Xen writes. */
u64 kit_now(void)
{
    const volatile struct vcpu_time_info *t = &xen_vcpu_info()->time;
    u64 ticks, ns;
    u32 version;

    kit_needs(KIT_XEN);
    do {
        version = t->version;
        barrier();
        ticks = pv_read_tsc() - t->tsc_timestamp;
        ticks = t->tsc_shift >= 0 ? ticks << t->tsc_shift : ticks >> -t->tsc_shift;
        ns = t->system_time + (u64)((unsigned __int128)ticks * t->tsc_to_system_mul >> 32);
        barrier();
    } while (version & 1 || version != t->version);
    return ns;
}
