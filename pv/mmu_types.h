/* SPDX-License-Identifier: MIT */
/*
 * Frames and page-table entries, in types that the compiler does not mix.
 *
 * A pfn_t is the number of a frame in this kernel's own numbering, an mfn_t its number in the
 * machine's. They are equal natively and on PVH, where the hardware translates. On Xen PV a table
 * leads from one to the other (P2M, M2P).
 *
 * An entry of a page table (pte_t, pmd_t, pud_t, pgd_t) is what the hardware reads: its frame field
 * is an mfn. The kernel computes with a *value* (u64): the same bits, but the frame field is a pfn.
 * The ops make_pte and pte_val, and the same for each level, are the only conversions.
 */
#ifndef PV_MMU_TYPES_H
#define PV_MMU_TYPES_H

#include "lib/address_map.h"
#include "lib/types.h"

typedef struct {
    u64 n;
} pfn_t;
typedef struct {
    u64 n;
} mfn_t;

#define PFN(x)      ((pfn_t){x})
#define MFN(x)      ((mfn_t){x})
#define PFN_INVALID PFN(~0ull)
#define MFN_INVALID MFN(~0ull)

/* Entries, from level 1 up. Paravane uses four levels; a fifth one (LA57) would add a p4d_t. */
typedef struct {
    u64 raw;
} pte_t;
typedef struct {
    u64 raw;
} pmd_t;
typedef struct {
    u64 raw;
} pud_t;
typedef struct {
    u64 raw;
} pgd_t;

enum {
    PT_LEVELS = 4,    /* level 1 holds ptes, level 4 is the root */
    PT_ENTRIES = 512, /* in a table */
    PT_SHIFT = 9,
    PT_USER_SLOTS = 256, /* entries of the root for user mode: the lower half of the addresses */
};

/* Bits of a value (Intel SDM vol. 3, tables 4-15 to 4-20). */
#define PTE_PRESENT  (1ull << 0)
#define PTE_WRITE    (1ull << 1)
#define PTE_USER     (1ull << 2)
#define PTE_PWT      (1ull << 3)
#define PTE_PCD      (1ull << 4)
#define PTE_ACCESSED (1ull << 5)
#define PTE_DIRTY    (1ull << 6)
#define PTE_PSE      (1ull << 7) /* above level 1: a leaf */
#define PTE_GLOBAL   (1ull << 8)
#define PTE_NX       (1ull << 63)
/*
 * A bit that the hardware ignores. In a value it means that the frame field is an mfn, because the
 * frame has no pfn: it belongs to another domain or to a device.
 */
#define PTE_FOREIGN (1ull << 9)

#define PTE_FRAME_MASK 0x000ffffffffff000ull
#define PTE_FLAGS_MASK (~PTE_FRAME_MASK)
#define PTE_UNCACHED   (PTE_PWT | PTE_PCD)

static inline u64 pte_value(pfn_t pfn, u64 flags)
{
    return pfn.n << PAGE_SHIFT | flags;
}

static inline pfn_t value_pfn(u64 value)
{
    return PFN((value & PTE_FRAME_MASK) >> PAGE_SHIFT);
}

/* The direct map, in which every frame of RAM is mapped. Tests on the host define another one. */
#ifndef DIRECT_MAP
#define DIRECT_MAP DIRECT_MAP_BASE
#endif

static inline void *pfn_to_va(pfn_t pfn)
{
    return (void *)(DIRECT_MAP + (pfn.n << PAGE_SHIFT));
}

static inline pfn_t va_to_pfn(const void *va)
{
    return PFN(((u64)va - DIRECT_MAP) >> PAGE_SHIFT);
}

/* Return the index of va in a table of this level; how many bytes an entry there maps. */
static inline u32 pt_index(u64 va, int level)
{
    return (u32)(va >> (PAGE_SHIFT + PT_SHIFT * (level - 1))) & (PT_ENTRIES - 1);
}

static inline u64 pt_span(int level)
{
    return PAGE_SIZE << (PT_SHIFT * (level - 1));
}

#define FIX_TEXT_PAGES 8

/* Pages at fixed addresses. The op set_fixmap changes what they map. */
enum pv_fixmap {
    FIX_TEST,
    FIX_ACPI,
    FIX_APIC,
    FIX_IOAPIC,
    FIX_HPET,
    FIX_SHARED,
    FIX_TEXT, /* FIX_TEXT_PAGES of them: pv/patch/patch.c */
    FIX_COUNT = PT_ENTRIES,
};

static inline void *fixmap_va(enum pv_fixmap index)
{
    return (void *)(FIXMAP_BASE + (u64)index * PAGE_SIZE);
}

/*
 * Guard pages of stacks in the image: mm/ leaves them unmapped, so that an overflow of the stack
 * above is a page fault. There are count pages, stride bytes apart. Each such struct is in the
 * section .guards.
 */
struct pv_guards {
    u64 first;
    u32 stride, count;
};

/* Properties of the platform that mm/ needs before it builds the first table. */
struct pv_mmu_traits {
    u32 leaf_levels;  /* bit n: an entry of level n may be a leaf */
    u32 root_pages;   /* how many contiguous frames a root takes, aligned to their number */
    pfn_t table_high; /* early_map reaches the frames below this one */
};

/* The first tables, which mm/ builds by early_map, for install_tables. */
struct pv_kernel_tables {
    pfn_t root;
    pfn_t first_table; /* the tables, root included, are in nr_tables frames from here on */
    u64 nr_tables;
    pfn_t fixmap; /* the table of level 1 that maps FIXMAP_BASE */
    /* Set by install_tables: the frames of the old tables, which are free memory now. */
    pfn_t freed;
    u64 nr_freed;
};

#endif
