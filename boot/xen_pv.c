/* SPDX-License-Identifier: MIT */
/*
 * The parser of struct start_info, whose address Xen's domain builder passes to a PV guest in rsi
 * (xen/xen.h, "Start-of-day memory layout").
 *
 * The builder puts into contiguous memory, each on a page boundary: the kernel's image, [the
 * module], [the P2M], the start_info page, [the xenstore and console rings], the page tables, one
 * page of stack. All of it is mapped at VIRT_BASE. The module and the P2M may instead be elsewhere
 * and unmapped, if the image's notes allow that. start_info has no memory map: the op memory_map
 * asks the hypervisor.
 */
#include "boot/parse.h"
#include "lib/address_map.h"

#include <xen/xen.h>

#include "lib/string.h"

_Static_assert(MAX_GUEST_CMDLINE <= BOOT_CMDLINE_MAX,
               "a PV command line fits, and is read to its end");

/* The number of pages that size bytes take; size is not 0. */
#define PAGES(size) (((size)-1) / PAGE_SIZE + 1)

/*
 * Record that [va, va + len) is in use, by moving first_free_pa past it, and return its
 * pseudo-physical address in *pa. Return false if part of it is outside of the domain's memory or
 * of what VIRT_BASE can map.
 */
static bool use_range(struct boot_info *bi, u64 va, u64 len, u64 *pa)
{
    *pa = va - VIRT_BASE; /* a va below the base wraps around to far beyond the end */
    if (!fits(*pa, len, MIN(bi->xen_pv.nr_pages * PAGE_SIZE, -VIRT_BASE)))
        return false;
    bi->first_free_pa = MAX(bi->first_free_pa, *pa + len);
    return true;
}

/* Parse a package of modules (xen_multiboot_mod_list): its addresses count from its own start. */
static const char *parse_package(const struct phys_window *w, u64 base, u64 size,
                                 struct boot_info *bi)
{
    struct xen_multiboot_mod_list m;
    struct phys_window package;

    if (!phys_window_cut(w, base, size, &package))
        return "module package: unreadable";
    for (u64 at = base;; at += sizeof(m)) {
        if (!phys_window_read(&package, at, &m, sizeof(m)))
            return "module list: no end";
        if (m.mod_start == 0)
            return NULL;
        if (m.mod_end < m.mod_start || m.mod_end >= size)
            return "module: ends beyond its package, or before it starts";
        boot_add_module(bi, base + m.mod_start, (u64)m.mod_end - m.mod_start + 1, &package,
                        m.cmdline ? base + m.cmdline : 0);
    }
}

static const char *parse_module(const struct phys_window *w, const struct start_info *si,
                                struct boot_info *bi)
{
    u64 base = si->mod_start * PAGE_SIZE;
    bool ok;

    if (si->mod_len == 0)
        return NULL;
    if (si->flags & SIF_MOD_START_PFN)
        ok = fits(si->mod_start, PAGES(si->mod_len), si->nr_pages);
    else
        ok = use_range(bi, si->mod_start, si->mod_len, &base);
    if (!ok)
        return "module: outside of the domain's memory";
    if (si->flags & SIF_MULTIBOOT_MOD)
        return parse_package(w, base, si->mod_len, bi);
    boot_add_module(bi, base, si->mod_len, w, 0);
    return NULL;
}

static const char *parse_page_tables(const struct start_info *si, struct boot_info *bi)
{
    struct boot_xen_pv *pv = &bi->xen_pv;

    pv->nr_pt_frames = si->nr_pt_frames;
    /* One frame more: the boot stack, which has no field. */
    if (si->pt_base % PAGE_SIZE || !si->nr_pt_frames || si->nr_pt_frames > si->nr_pages ||
        !use_range(bi, si->pt_base, (si->nr_pt_frames + 1) * PAGE_SIZE, &pv->pt_base_pa))
        return "page tables: none, not aligned, or outside of the domain's memory";
    return NULL;
}

/* The P2M is in the contiguous part if its address is mapped there, else in frames of its own. */
static const char *parse_p2m(const struct start_info *si, struct boot_info *bi)
{
    struct boot_xen_pv *pv = &bi->xen_pv;
    u64 size = si->nr_pages * sizeof(xen_pfn_t);
    bool ok;
    u64 pa;

    pv->p2m_va = si->mfn_list;
    if (use_range(bi, pv->p2m_va, 0, &pa)) {
        ok = use_range(bi, pv->p2m_va, size, &pa);
    } else {
        pv->first_p2m_pfn = si->first_p2m_pfn;
        pv->nr_p2m_frames = si->nr_p2m_frames;
        ok = fits(pv->first_p2m_pfn, pv->nr_p2m_frames, si->nr_pages) &&
             pv->nr_p2m_frames >= PAGES(size);
    }
    return ok && !(pv->p2m_va % sizeof(xen_pfn_t))
               ? NULL
               : "P2M: too small, not aligned, or outside of the domain's memory";
}

static const char *parse_machine(const struct start_info *si, u64 info_pa, struct boot_info *bi)
{
    struct boot_xen_pv *pv = &bi->xen_pv;

    pv->start_info_pa = info_pa;
    pv->flags = si->flags;
    pv->nr_pages = si->nr_pages;
    pv->shared_info_ma = si->shared_info;
    bi->first_free_pa = MAX(bi->first_free_pa, info_pa + PAGE_SIZE);
    if (pv->nr_pages == 0 || pv->nr_pages > BOOT_PA_MAX / PAGE_SIZE)
        return "nr_pages: 0, or more than x86 can have";
    if (bi->first_free_pa > pv->nr_pages * PAGE_SIZE)
        return "less memory than image and boot data take";
    if (pv->shared_info_ma % PAGE_SIZE)
        return "shared_info: not on a page boundary";
    return NULL;
}

const char *xen_pv_parse(const struct phys_window *w, u64 info_pa, struct boot_info *bi)
{
    const struct start_info *si = phys_window_get(w, info_pa, sizeof(*si));
    const char *error;

    if (!si || info_pa % PAGE_SIZE)
        return "start_info: unreadable, or not on a page boundary";
    if (phys_window_string(w, info_pa, bi->loader, sizeof(si->magic)) ||
        memcmp(bi->loader, "xen-", 4))
        return "start_info: wrong magic";
    error = phys_window_string(w, info_pa + offsetof(struct start_info, cmd_line), bi->cmdline,
                               sizeof(si->cmd_line));
    if (!error)
        error = parse_machine(si, info_pa, bi);
    if (!error)
        error = parse_page_tables(si, bi);
    if (!error)
        error = parse_p2m(si, bi);
    return error ? error : parse_module(w, si, bi);
}
