/*
 * What a loader told us, in one form whichever loader it was.
 *
 * Every boot path (multiboot2, PVH, Xen PV) ends by filling one struct boot_info; nobody above
 * boot/ looks at a loader's own structures. Everything is copied: once the parser has returned, the
 * loader's memory may be reused, except for the contents of the modules.
 */
#ifndef BOOT_BOOT_INFO_H
#define BOOT_BOOT_INFO_H

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
 * NMIs between the entry to 64-bit mode and the kernel's trap_init. Written: on the first CPU, in
 * NMI context (boot/early_trap.S, pv/early.c).
 */
extern u32 boot_early_nmis;

enum boot_protocol {
    BOOT_NONE,
    BOOT_MULTIBOOT2,
    BOOT_PVH,
    BOOT_XEN_PV,
};

/* The numbers are those of e820 (ACPI 6.4, section 15); any other number counts as reserved. */
enum boot_region_type {
    BOOT_RAM = 1,
    BOOT_RESERVED = 2,
    BOOT_ACPI = 3,
    BOOT_NVS = 4,
    BOOT_UNUSABLE = 5,
    BOOT_DEVICES = 6, /* of the platform, which no loader's map has to name: boot_add_devices */
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
 * The memory map as it is put together. Between two regions may be a hole, which has a mark too,
 * and a region that is added can need a mark at both of its ends.
 */
struct boot_map {
    struct boot_mark marks[2 * BOOT_REGIONS_MAX + 3];
    u32 nr_marks;
    /* What became of more regions than BOOT_REGIONS_MAX. */
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
    u64 first_p2m_pfn; /* where the P2M lies; 0 frames if inside the initial mapping */
    u64 nr_p2m_frames;
    u32 flags; /* SIF_* */
};

struct boot_info {
    enum boot_protocol protocol;
    char loader[BOOT_LOADER_MAX]; /* the loader's name for itself, "" if it has none */
    char cmdline[BOOT_CMDLINE_MAX];

    u32 modules_left_off;   /* beyond BOOT_MODULES_MAX, or with an impossible address */
    u32 module_strings_cut; /* too long or unreadable */
    u32 first_module_cut;   /* the first of these modules */

    /* ACPI's root pointer: its physical address if the loader gave one, or a copy of it. */
    u64 rsdp_pa;
    u8 rsdp[BOOT_RSDP_MAX];
    u32 rsdp_size;

    /*
     * The page-aligned end of the image and of all that is packed directly behind it, modules too.
     * A loader may put a module elsewhere (QEMU: at the end of RAM), and Xen the P2M: who hands out
     * memory from here on must leave out what modules[] and xen_pv.first_p2m_pfn say.
     */
    u64 first_free_pa;
    struct boot_xen_pv xen_pv;

    u32 nr_regions;
    u32 nr_modules;

    /* The tables come last, since boot_parse clears what is before them and the counts only. */
    struct boot_map map;
    /* Filled by boot_memory_finish(): sorted, disjoint, none empty, RAM on page boundaries. */
    struct boot_region regions[BOOT_REGIONS_MAX];
    struct boot_module modules[BOOT_MODULES_MAX];
};

/*
 * A segment of physical memory that can be read: the byte of address start + i is base[i]. The
 * parsers see memory only through one of these, so the host's tests and fuzzers can hand them any
 * bytes at all. Nothing lies at address 0: there it means "not present". The two are aligned alike.
 */
struct phys_window {
    const u8 *base;
    u64 start;
    u64 size;
};

/* Do len bytes (or pages, or ...) at start end within size of them? */
bool fits(u64 start, u64 len, u64 size);

/* The bytes [pa, pa + len) as a pointer, or NULL if any of them lies outside of the window. */
const void *phys_window_get(const struct phys_window *w, u64 pa, u64 len);

/* The same as a window of its own: *part, with the same addresses. */
bool phys_window_cut(const struct phys_window *w, u64 pa, u64 len, struct phys_window *part);

/* Copies them to dst. Returns false, and leaves dst alone, if they are not all there. */
bool phys_window_read(const struct phys_window *w, u64 pa, void *dst, size_t len);

/*
 * Copies the string at pa into dst (cap bytes, always terminated). Returns NULL, or what is wrong:
 * it has no end inside the window, or does not fit.
 */
const char *phys_window_string(const struct phys_window *w, u64 pa, char *dst, size_t cap);

/*
 * Fills *bi from what the loader left at info_pa; *w is the memory that can be read. Pure, bounded,
 * trusting nothing: returns NULL, or one line that says what is wrong; *bi is then in an
 * unspecified but initialised state. image_end_pa is the first byte behind the kernel image.
 */
const char *boot_parse(enum boot_protocol protocol, const struct phys_window *w, u64 info_pa,
                       u64 image_end_pa, struct boot_info *bi);

/*
 * Its parts, which set all that they know in *bi and move first_free_pa behind what is packed
 * behind the image, modules aside.
 *
 * multiboot2: info_pa is what ebx held (Multiboot2 specification 2.0, section 3).
 * pvh:        info_pa is what ebx held (xen/arch-x86/hvm/start_info.h).
 * xen_pv:     info_pa is the pseudo-physical address of the page that rsi pointed at
 *             (xen/xen.h, struct start_info).
 */
const char *multiboot2_parse(const struct phys_window *w, u64 info_pa, struct boot_info *bi);
const char *pvh_parse(const struct phys_window *w, u64 info_pa, struct boot_info *bi);
const char *xen_pv_parse(const struct phys_window *w, u64 info_pa, struct boot_info *bi);

/*
 * For them: append one module, its string read from cmdline_pa in *w (0: it has none). A module
 * that this kernel has no room for, or that cannot exist, is left off and counted; a string that is
 * too long is cut and counted.
 */
void boot_add_module(struct boot_info *bi, u64 base, u64 size, const struct phys_window *w,
                     u64 cmdline_pa);

/* For boot_parse: moves first_free_pa to the page behind it and all modules that it runs into. */
void boot_pass_modules(struct boot_info *bi);

/*
 * Add one region to the map. An unknown type counts as reserved; what lies beyond BOOT_PA_MAX is
 * cut off. Where regions overlap, the more restrictive type wins (unusable, NVS, ACPI, reserved,
 * RAM, in that order). Of more than BOOT_REGIONS_MAX regions the largest of RAM are kept,
 * and those that hold the image or a module.
 */
void boot_add_region(struct boot_info *bi, u64 base, u64 size, u32 type);

/* Add the platform's devices, which win over all regions of the loader's map. */
void boot_add_devices(struct boot_info *bi, u64 base, u64 size);

/* Does the map call the byte at pa RAM? It need not be finished. */
bool boot_is_ram(const struct boot_info *bi, u64 pa);

/*
 * Leave off each module that is not in RAM by the finished map, or that overlaps the image, whose
 * end is image_end_pa; count it.
 */
void boot_drop_modules(struct boot_info *bi, u64 image_end_pa);

/* What a parser returns for a map of more than BOOT_MAP_ENTRIES_MAX entries. */
extern const char boot_map_too_long[];

/* Has the loader given a memory map? A Xen guest asks the hypervisor (the memory_map op). */
bool boot_has_regions(const struct boot_info *bi);

/* Start with an empty map. */
void boot_forget_regions(struct boot_info *bi);

/* Fill regions[] from the map. Returns NULL, or what is wrong: a map without a page of RAM. */
const char *boot_memory_finish(struct boot_info *bi);

#endif
