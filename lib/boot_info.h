/* SPDX-License-Identifier: MIT */
/*
 * struct boot_info: what the loader reported, in one form for every loader.
 *
 * boot/ fills it on every boot path (multiboot2, PVH, Xen PV), and no other folder reads a loader's
 * own structures. It is in lib/ because every layer reads it: the ACPI parser, the backends, mm/
 * and kernel/.
 *
 * What it promises once boot_parse has returned NULL:
 *
 *   - Everything is a copy. The loader's own memory may be reused, the contents of the modules
 *     excepted.
 *   - All strings end, and all counts are within their arrays.
 *   - From first_free_pa on, no byte belongs to the image or to what is packed directly after it.
 *   - The memory map is what the loader named, not yet checked against the platform. The op
 *     memory_map completes it; boot_memory_finish then makes regions[], and boot_drop_modules
 *     removes the modules that are not in RAM.
 */
#ifndef LIB_BOOT_INFO_H
#define LIB_BOOT_INFO_H

/* The protocols by number, for assembly too. */
#define BOOT_PROTOCOL_MULTIBOOT2 1
#define BOOT_PROTOCOL_PVH        2
#define BOOT_PROTOCOL_XEN_PV     3

#ifndef __ASSEMBLER__

#include "lib/types.h"

#define BOOT_CMDLINE_MAX        2048 /* bytes, with the final NUL */
#define BOOT_MODULE_CMDLINE_MAX 256
#define BOOT_LOADER_MAX         64
#define BOOT_REGIONS_MAX        1024
#define BOOT_MAP_ENTRIES_MAX    16384 /* of a loader's map, before they are merged */
#define BOOT_MODULES_MAX        64
#define BOOT_RSDP_MAX           36             /* ACPI 6.4, section 5.2.5.3 */
#define BOOT_PA_MAX             ((u64)1 << 52) /* no x86 physical address is wider */

/*
 * The TSC's value at the first instruction of the entry. Written: by the entry, on the first CPU.
 */
extern u64 boot_entry_tsc;

/*
 * NMIs between the entry to 64-bit mode and the kernel's trap_init. Written: on the first CPU, in
 * NMI context (boot/early_trap.S, pv/early.c).
 */
extern u32 boot_early_nmis;

enum boot_protocol {
    BOOT_NONE,
    BOOT_MULTIBOOT2 = BOOT_PROTOCOL_MULTIBOOT2,
    BOOT_PVH = BOOT_PROTOCOL_PVH,
    BOOT_XEN_PV = BOOT_PROTOCOL_XEN_PV,
};

/* The numbers are those of e820 (ACPI 6.4, section 15); any other number counts as reserved. */
enum boot_region_type {
    BOOT_RAM = 1,
    BOOT_RESERVED = 2,
    BOOT_ACPI = 3,
    BOOT_NVS = 4,
    BOOT_UNUSABLE = 5,
    /* Of the platform, which no loader's map has to name: boot_add_shared and its relatives. */
    BOOT_SHARED = 6,
    BOOT_DEVICES = 7,
    BOOT_ABSENT = 8, /* RAM that has no memory until the balloon takes it */
};

/* [base, base + size) in bytes of (pseudo-)physical memory. */
struct boot_region {
    u64 base;
    u64 size;
    enum boot_region_type type;
};

/* From base up to the next mark's base all bytes are of this type; 0: no region. */
struct boot_mark {
    u64 base;
    u32 type;
};

/*
 * The memory map while regions are added (lib/memory_map.c). A hole between two regions has a mark
 * too, and a region that is added can need a mark at both of its ends: hence the three more.
 */
struct boot_map {
    struct boot_mark marks[2 * BOOT_REGIONS_MAX + 3];
    u32 nr_marks;
    /* What became of the regions beyond BOOT_REGIONS_MAX. */
    u32 joined;       /* how often two regions, neither of them RAM, were made one */
    u64 ram_left_out; /* bytes of RAM in regions that were forgotten */
};

struct boot_module {
    u64 base; /* physical address of the first byte */
    u64 size; /* bytes */
    char cmdline[BOOT_MODULE_CMDLINE_MAX];
};

/* Only with BOOT_XEN_PV: where the domain builder put things (xen/xen.h, struct start_info). */
struct boot_xen_pv {
    u64 start_info_pa;
    u64 nr_pages;       /* pages of pseudo-physical memory */
    u64 shared_info_ma; /* machine address */
    u64 pt_base_pa;     /* the initial page tables: root first */
    u64 nr_pt_frames;
    u64 p2m_va;        /* virtual address of the P2M: nr_pages machine frame numbers */
    u64 first_p2m_pfn; /* the P2M's first frame, if it is outside of the initial mapping */
    u64 nr_p2m_frames; /* 0 if it is inside */
    /* A place, in RAM, for a P2M of so many entries, if the domain may grow; else 0. */
    u64 grown_p2m_pa;
    u64 most_pages;
    u32 flags; /* SIF_* */
};

struct boot_info {
    enum boot_protocol protocol;
    char loader[BOOT_LOADER_MAX]; /* the loader's name for itself, "" if it gave none */
    char cmdline[BOOT_CMDLINE_MAX];

    u32 modules_left_off;   /* beyond BOOT_MODULES_MAX, or with an impossible address */
    u32 module_strings_cut; /* too long or unreadable */
    u32 first_module_cut;   /* the first of these modules */

    /* ACPI's root pointer: its physical address if the loader gave one, or a copy of it. */
    u64 rsdp_pa;
    u8 rsdp[BOOT_RSDP_MAX];
    u32 rsdp_size;

    /*
     * The page-aligned end of the image and of all that is packed directly after it, modules too.
     * A loader may put a module elsewhere (QEMU: at the end of RAM), and Xen the P2M. The code that
     * hands out memory from here on must leave out modules[] and xen_pv.first_p2m_pfn.
     */
    u64 first_free_pa;
    struct boot_xen_pv xen_pv;

    u32 nr_regions;
    u32 nr_modules;

    /* The tables come last, because boot_parse clears only what is before them. */
    struct boot_map map;
    /* Filled by boot_memory_finish: sorted, disjoint, none empty, RAM on page boundaries. */
    struct boot_region regions[BOOT_REGIONS_MAX];
    struct boot_module modules[BOOT_MODULES_MAX];
};

#endif
#endif
