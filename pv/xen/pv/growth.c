/* SPDX-License-Identifier: MIT */
/*
 * A domU that may get more memory than it has at boot (maxmem above memory). Pages up to the most
 * that it may have get the pfns from nr_pages on: they are absent at boot, and the balloon takes
 * them (mm/balloon.c). The P2M needs an entry for each of them.
 */
#include "lib/memory_map.h"
#include "lib/string.h"
#include "pv/xen/xen.h"
#include "pv/xen/pv/xen_pv.h"

u64 xen_pv_most_pages(struct boot_info *info)
{
    const u64 now = info->xen_pv.nr_pages;

    boot_forget_regions(info);
    if (xen_is_dom0() || xen_memory_map(info))
        return now;
    return MAX(now, MIN(boot_ram_frames(info), now * BOOT_GROWTH_MAX));
}

/* Move *pa past [base, base + size) if [*pa, *pa + len) overlaps it. Return whether it did. */
static bool move_past(u64 *pa, u64 len, u64 base, u64 size)
{
    if (*pa >= base + size || *pa + len <= base)
        return false;
    *pa = ALIGN_UP(base + size, PAGE_SIZE);
    return true;
}

/* Return the first place for len bytes that nothing is in, or 0. */
static u64 find_room(const struct boot_info *info, u64 len)
{
    const struct boot_xen_pv *pv = &info->xen_pv;
    u64 pa = info->first_free_pa;
    bool moved = true;

    while (moved) {
        moved =
            move_past(&pa, len, pv->first_p2m_pfn << PAGE_SHIFT, pv->nr_p2m_frames << PAGE_SHIFT);
        for (u32 i = 0; i < info->nr_modules; i++)
            moved |= move_past(&pa, len, info->modules[i].base, info->modules[i].size);
    }
    return pa + len <= pv->nr_pages << PAGE_SHIFT ? pa : 0;
}

void xen_pv_plan_growth(struct boot_info *info, u64 most)
{
    struct boot_xen_pv *pv = &info->xen_pv;

    pv->grown_p2m_pa = most > pv->nr_pages ? find_room(info, most * sizeof(u64)) : 0;
    if (!pv->grown_p2m_pa)
        return;
    pv->most_pages = most;
    boot_add_absent(info, pv->nr_pages, most);
}

void xen_pv_grow_p2m(const struct boot_xen_pv *pv)
{
    u64 *const grown = pfn_to_va(PFN(pv->grown_p2m_pa >> PAGE_SHIFT));

    if (!pv->grown_p2m_pa)
        return;
    memcpy(grown, xen_pv_p2m, xen_pv_nr_pages * sizeof(*grown));
    for (u64 pfn = xen_pv_nr_pages; pfn < pv->most_pages; pfn++)
        grown[pfn] = INVALID_P2M_ENTRY;
    xen_pv_p2m = grown;
    xen_pv_nr_pages = pv->most_pages;
}
