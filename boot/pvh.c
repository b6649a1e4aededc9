/* SPDX-License-Identifier: MIT */
/*
 * The parser of struct hvm_start_info, whose address a PVH loader (Xen, QEMU) passes in ebx
 * (xen/arch-x86/hvm/start_info.h).
 *
 * An address of 0 in it means "not present". Version 0, which Xen gives to a PVH dom0, has no
 * memory map: the map then stays empty, and the op memory_map asks the hypervisor. The lists that
 * it refers to need not be aligned, so their elements are copied before they are used.
 */
#include "boot/parse.h"
#include "lib/memory_map.h"

#include <xen/arch-x86/hvm/start_info.h>

/* Version 0 ends before the memory map's fields. */
#define VERSION_0_SIZE offsetof(struct hvm_start_info, memmap_paddr)

/* Return whether a list of count entries is readable as a whole, before the first entry is read. */
static bool list_is_readable(const struct phys_window *w, u64 pa, u32 count, size_t entry_size)
{
    return !count || phys_window_get(w, pa, (u64)count * entry_size);
}

static const char *parse_modules(const struct phys_window *w, const struct hvm_start_info *si,
                                 struct boot_info *bi)
{
    const u32 count = MIN(si->nr_modules, (u32)BOOT_MODULES_MAX);
    struct hvm_modlist_entry m;

    if (!list_is_readable(w, si->modlist_paddr, si->nr_modules, sizeof(m)))
        return "module list: unreadable";
    for (u32 i = 0; i < count; i++) {
        phys_window_read(w, si->modlist_paddr + i * sizeof(m), &m, sizeof(m));
        boot_add_module(bi, m.paddr, m.size, w, m.cmdline_paddr);
    }
    bi->modules_left_off += si->nr_modules - count;
    return NULL;
}

/*
 * A map that is too long is refused instead of cut, because an entry that is not read may reserve
 * memory that an earlier one calls RAM.
 */
static const char *parse_memmap(const struct phys_window *w, const struct hvm_start_info *si,
                                struct boot_info *bi)
{
    struct hvm_memmap_table_entry e;

    if (!list_is_readable(w, si->memmap_paddr, si->memmap_entries, sizeof(e)))
        return "memory map: unreadable";
    if (si->memmap_entries > BOOT_MAP_ENTRIES_MAX)
        return boot_map_too_long;
    for (u32 i = 0; i < si->memmap_entries; i++) {
        phys_window_read(w, si->memmap_paddr + i * sizeof(e), &e, sizeof(e));
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
