/* SPDX-License-Identifier: MIT */
/*
 * What PV and PVH ask of Xen in the same way: the shared pages, the memory map, the number of
 * vCPUs, the banner, and the end of the domain.
 */
#include "lib/format.h"
#include "lib/memory_map.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"

/* Atomic: shared with Xen; xen/xen.h has the rule of each field. */
u8 xen_shared_info_page[PAGE_SIZE] __aligned(PAGE_SIZE);

/* Atomic: counts for the benchmark, which uses one CPU; several CPUs may lose additions. */
u64 xen_hypercalls, xen_updates, xen_hypercalls_by[XEN_HYPERCALL_NUMBERS];

const struct xen_variant *xen_variant; /* Written: early, on one CPU */

/*
 * Xen sets evtchn_upcall_pending and the selector at the new place, in case it missed an event
 * during the move. No port is bound yet, so clear both. On PVH a set flag would block all events:
 * Xen interrupts the vCPU only when the flag changes to set, and the vCPU has no vector yet.
 */
bool xen_share_vcpu_info(u32 vcpu, struct pv_cpu_area *area)
{
    struct vcpu_register_vcpu_info info = {
        .mfn = xen_variant->virt_to_gfn(area->shared),
        .offset = (u64)area->shared % PAGE_SIZE,
    };

    if (xen_vcpu_op(VCPUOP_register_vcpu_info, vcpu, &info))
        return false;
    xen_vcpu_info_of(area)->evtchn_pending_sel = 0;
    WRITE_ONCE(xen_vcpu_info_of(area)->evtchn_upcall_pending, 0);
    return true;
}

const char *xen_map_shared_info(void)
{
    return xen_variant->map_shared_info() ? NULL : "Xen refuses to map the shared_info page";
}

const char *xen_share_pages(void)
{
    const char *error = xen_map_shared_info();

    if (!error && !xen_share_vcpu_info(0, pv_this_area()))
        error = "Xen refuses to move vcpu_info into the CPU's area";
    return error;
}

/* Xen reports it as a feature (xen/features.h), on PV and on PVH. */
bool xen_is_dom0(void)
{
    struct xen_feature_info features = {.submap_idx = XENFEAT_dom0 / 32};

    return !xen_version(XENVER_get_features, &features) && features.submap >> XENFEAT_dom0 % 32 & 1;
}

/* An entry of XENMEM_memory_map, in the format of the PC firmware's E820 map (xen/memory.h). */
struct e820_entry {
    u64 base;
    u64 size;
    u32 type;
} __packed;

const char *xen_memory_map(struct boot_info *info)
{
    /* Written: here, once, on one CPU. */
    static struct e820_entry entries[BOOT_REGIONS_MAX];
    struct xen_memory_map map = {.nr_entries = ARRAY_SIZE(entries)};

    if (boot_has_regions(info))
        return NULL;
    set_xen_guest_handle_raw(map.buffer, entries);
    if (xen_memory_op(XENMEM_memory_map, &map))
        return "Xen has no memory map for this domain (XENMEM_memory_map)";
    for (u32 i = 0; i < map.nr_entries; i++)
        boot_add_region(info, entries[i].base, entries[i].size, entries[i].type);
    return NULL;
}

/* Write Xen's version as "xl info" shows it: "4.17" and the extra version ".7", for instance. */
void xen_banner(char *text, size_t cap)
{
    const long version = xen_version(XENVER_version, NULL);
    xen_extraversion_t extra = "";

    xen_version(XENVER_extraversion, extra);
    extra[sizeof(extra) - 1] = '\0';
    ksnprintf(text, cap, "Xen %ld.%ld%s, %s %s", version >> 16, version & 0xffff, extra,
              xen_variant->name, xen_is_dom0() ? "dom0" : "domU");
}

/* Xen reboots the machine when dom0 crashes, and the kernel has not asked for that. */
void xen_end(enum pv_shutdown_reason reason)
{
    static const unsigned int reasons[] = {
        [PV_POWEROFF] = SHUTDOWN_poweroff,
        [PV_REBOOT] = SHUTDOWN_reboot,
        [PV_CRASH] = SHUTDOWN_crash,
    };
    struct sched_shutdown shutdown = {.reason = reasons[reason]};

    if (reason == PV_CRASH && xen_is_dom0())
        shutdown.reason = SHUTDOWN_poweroff;
    xen_sched_op(SCHEDOP_shutdown, &shutdown, 0);
}

/* Xen passes the reason to the toolstack. The status can leave the domain by the console only. */
void xen_shutdown(enum pv_shutdown_reason reason, u8 status)
{
    (void)status;
    xen_console_drain();
    xen_end(reason);
    pv_halt();
}

/* Updates are those of mmu_update, which a PVH guest never calls. */
u64 xen_hypercall_count(u64 *updates)
{
    *updates = xen_updates;
    return xen_hypercalls;
}

u64 xen_memory_reservation(unsigned int cmd, u64 *frames, u64 count)
{
    struct xen_memory_reservation r = {.nr_extents = count, .domid = DOMID_SELF};
    long done;

    set_xen_guest_handle_raw(r.extent_start, frames);
    done = xen_memory_op(cmd, &r);
    return (u64)MAX(done, 0);
}

/* The vCPUs of a domain are numbered without gaps, and VCPUOP_is_up fails for the first beyond. */
u32 xen_cpu_count(void)
{
    static u32 count; /* Written: by the first call, on the only CPU that is up */

    while (!count || xen_vcpu_op(VCPUOP_is_up, count, NULL) >= 0)
        count++;
    return count;
}

void xen_platform_init(const struct boot_info *info)
{
    (void)info;
}

void xen_nop(void)
{
}
