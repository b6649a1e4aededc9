/*
 * boot/pvh.c: struct hvm_start_info, which a PVH loader (Xen, QEMU) points ebx at; described in
 * xen/arch-x86/hvm/start_info.h.
 *
 * An address of 0 means "not present". Version 0 (a PVH dom0 of Xen) has no memory map: then
 * nr_regions stays 0, and the hypervisor is asked later.
 */
#include "boot/boot_info.h"

#include <xen/arch-x86/hvm/start_info.h>

#include "lib/string.h"

/* Version 0 ends before the memory map's fields. */
#define VERSION_0_SIZE offsetof(struct hvm_start_info, memmap_paddr)

static const char *parse_modules(const struct phys_window *w, const struct hvm_start_info *si,
                                 struct boot_info *bi)
{
    struct hvm_modlist_entry m;
    const char *error = NULL;
    const u8 *list;

    if (si->nr_modules > BOOT_MODULES_MAX)
        return "pvh: more modules than this kernel has room for";
    list = phys_window_get(w, si->modlist_paddr, si->nr_modules * sizeof(m));
    if (si->nr_modules && (!si->modlist_paddr || !list))
        return "pvh: the list of modules lies outside of the memory that can be read";
    for (u32 i = 0; i < si->nr_modules && !error; i++) {
        memcpy(&m, list + i * sizeof(m), sizeof(m));
        error = boot_add_module(bi, m.paddr, m.size, w, m.cmdline_paddr);
    }
    return error;
}

static const char *parse_memmap(const struct phys_window *w, const struct hvm_start_info *si,
                                struct boot_info *bi)
{
    struct hvm_memmap_table_entry e;
    const char *error = NULL;
    const u8 *map;

    if (si->memmap_entries > BOOT_REGIONS_MAX)
        return "pvh: the memory map has more entries than this kernel has room for";
    map = phys_window_get(w, si->memmap_paddr, si->memmap_entries * sizeof(e));
    if (si->memmap_entries && (!si->memmap_paddr || !map))
        return "pvh: the memory map lies outside of the memory that can be read";
    for (u32 i = 0; i < si->memmap_entries && !error; i++) {
        memcpy(&e, map + i * sizeof(e), sizeof(e));
        error = boot_add_region(bi, e.addr, e.size, e.type);
    }
    return error;
}

/* Copies start_info; the fields that its version does not have are 0. */
static const char *read_start_info(const struct phys_window *w, u64 info_pa,
                                   struct hvm_start_info *si)
{
    const void *p = phys_window_get(w, info_pa, VERSION_0_SIZE);

    memset(si, 0, sizeof(*si));
    if (!p)
        return "pvh: start_info lies outside of the memory that can be read";
    memcpy(si, p, VERSION_0_SIZE);
    if (si->magic != XEN_HVM_START_MAGIC_VALUE)
        return "pvh: start_info has a wrong magic number";
    if (si->version == 0)
        return NULL;
    p = phys_window_get(w, info_pa, sizeof(*si));
    if (!p)
        return "pvh: start_info ends beyond the memory that can be read";
    memcpy(si, p, sizeof(*si));
    return NULL;
}

const char *pvh_parse(const struct phys_window *w, u64 info_pa, u64 image_end_pa,
                      struct boot_info *bi)
{
    struct hvm_start_info si;
    const char *error;

    memset(bi, 0, sizeof(*bi));
    bi->protocol = BOOT_PVH;
    error = read_start_info(w, info_pa, &si);
    if (error)
        return error;
    if (si.cmdline_paddr &&
        !phys_window_string(w, si.cmdline_paddr, bi->cmdline, sizeof(bi->cmdline)))
        return "pvh: the command line is too long, has no end or cannot be read";
    bi->rsdp_pa = si.rsdp_paddr;
    error = parse_modules(w, &si, bi);
    if (!error)
        error = parse_memmap(w, &si, bi);
    if (error)
        return error;
    boot_set_first_free(bi, image_end_pa);
    return NULL;
}
