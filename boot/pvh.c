/*
 * boot/pvh.c: struct hvm_start_info, which a PVH loader (Xen, QEMU) points ebx at; described in
 * xen/arch-x86/hvm/start_info.h.
 *
 * An address of 0 means "not present". Version 0 (a PVH dom0 of Xen) has no memory map: then
 * the map stays empty, and the hypervisor is asked later. The lists that it points at need not be
 * aligned.
 */
#include "boot/boot_info.h"

#include <xen/arch-x86/hvm/start_info.h>

/* Version 0 ends before the memory map's fields. */
#define VERSION_0_SIZE offsetof(struct hvm_start_info, memmap_paddr)

static const char *parse_modules(const struct phys_window *w, const struct hvm_start_info *si,
                                 struct boot_info *bi)
{
    struct hvm_modlist_entry m;

    for (u32 i = 0; i < si->nr_modules; i++) {
        if (!phys_window_read(w, si->modlist_paddr + i * sizeof(m), &m, sizeof(m)))
            return "module list: unreadable";
        boot_add_module(bi, m.paddr, m.size, w, m.cmdline_paddr);
    }
    return NULL;
}

static const char *parse_memmap(const struct phys_window *w, const struct hvm_start_info *si,
                                struct boot_info *bi)
{
    struct hvm_memmap_table_entry e;

    for (u32 i = 0; i < si->memmap_entries; i++) {
        if (!phys_window_read(w, si->memmap_paddr + i * sizeof(e), &e, sizeof(e)))
            return "memory map: unreadable";
        boot_add_region(bi, e.addr, e.size, e.type);
    }
    return NULL;
}

const char *pvh_parse(const struct phys_window *w, u64 info_pa, struct boot_info *bi)
{
    struct hvm_start_info si = {0}; /* the fields that its version does not have stay 0 */
    const char *error = NULL;

    if (!phys_window_read(w, info_pa, &si, VERSION_0_SIZE) ||
        (si.version && !phys_window_read(w, info_pa, &si, sizeof(si))))
        return "start_info: unreadable";
    if (si.magic != XEN_HVM_START_MAGIC_VALUE)
        return "start_info: wrong magic";
    bi->rsdp_pa = si.rsdp_paddr;
    if (si.cmdline_paddr)
        error = phys_window_string(w, si.cmdline_paddr, bi->cmdline, sizeof(bi->cmdline));
    if (!error)
        error = parse_modules(w, &si, bi);
    return error ? error : parse_memmap(w, &si, bi);
}
