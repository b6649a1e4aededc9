/* SPDX-License-Identifier: MIT */
/*
 * What an entry of a Xen PV guest's page tables holds, and how the kernel's numbers of frames
 * become the machine's.
 *
 * Two numbers for a frame. Xen hands out whatever machine memory is free, so a guest's memory is
 * scattered over the machine. The guest wants to count its memory from 0 without gaps, and the
 * hardware, which walks a PV guest's page tables directly, wants machine addresses. So a frame has
 * two numbers:
 *
 *   pfn   the guest's: 0 to nr_pages - 1. The kernel thinks in pfns.
 *   mfn   the machine's. Page tables, CR3 and Xen's hypercalls contain mfns.
 *
 * Two tables lead from one to the other. The P2M (xen_pv_p2m) is an array in the guest's memory
 * that Xen's domain builder filled; the guest keeps it up to date. The M2P
 * (machine_to_phys_mapping) is one array for the whole machine, which Xen keeps up to date and
 * every guest may read. A frame is ours if the two agree: P2M[M2P[mfn]] == mfn. The M2P alone
 * proves nothing, since entries of frames that belong to other domains hold pfns of theirs.
 *
 * An entry, from the kernel's value to what the hardware walks, for a kernel page with pfn 0x1234:
 *
 *             NX   52    mfn or pfn        flags
 *   value     1    0     0x00000 01234     P RW A D              what mm/ passes to make_pte
 *                           |
 *                          P2M[0x1234] = 0x7abcd
 *                           v
 *   make_pte  1    0     0x00000 7abcd     P RW A D              what mmu_update is given
 *   in the    1    1     0x00000 7abcd     P RW A D U            what Xen stores
 *   table          PTE_GUEST_KERNEL        PTE_USER
 *                           |
 *                          M2P[0x7abcd] = 0x1234
 *                           v
 *   pte_val   1    0     0x00000 01234     P RW A D              what the kernel reads back
 *
 * The kernel and its processes both run at CPL 3. Xen sets PTE_USER in every entry, since otherwise
 * not even the kernel could use the page, and keeps user mode away from kernel pages by giving user
 * mode another root, without the kernel's half. So PTE_USER does not distinguish the two kinds; the
 * kernel marks its user pages by a bit that hardware and Xen ignore (PTE_GUEST_USER).
 *
 * References: xen/xen.h, xen/arch-x86/xen.h (the M2P), xen/arch/x86/mm.c in Xen's source. Next:
 * mmu.c (changes of entries).
 */
#include "pv/ex_table.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/pv/mmu.h"
#include "pv/xen/xen.h"

/* Our mark of a user page; Xen leaves the bit to guests (its _PAGE_AVAIL1). */
#define PTE_GUEST_USER (1ull << 10)
/* Xen's mark of a kernel page, in entries of level 1 (its _PAGE_GUEST_KERNEL). */
#define PTE_GUEST_KERNEL (1ull << 52)

/* Written: at boot; later single entries of the P2M, by the owner of the frame (memory.c). */
u64 *xen_pv_p2m;
u64 xen_pv_nr_pages;
static u64 max_mfn; /* the highest that has RAM */

void xen_pv_read_max_mfn(void)
{
    max_mfn = (u64)xen_memory_op(XENMEM_maximum_ram_page, NULL);
}

mfn_t xen_pv_pfn_to_mfn(pfn_t pfn)
{
    return pfn.n < xen_pv_nr_pages ? MFN(xen_pv_p2m[pfn.n]) : MFN_INVALID;
}

/* Return INVALID_P2M_ENTRY where the read faults: Xen maps the M2P only for regions with RAM. */
static u64 read_m2p(u64 mfn)
{
    u64 pfn = INVALID_P2M_ENTRY;

    __asm__ volatile("1: movq %1, %0\n"
                     "2:" EX_TABLE(1b, 2b)
                     : "+r"(pfn)
                     : "m"(machine_to_phys_mapping[mfn]));
    return pfn;
}

pfn_t xen_pv_mfn_to_pfn(mfn_t mfn)
{
    u64 pfn;

    if (mfn.n > max_mfn)
        return PFN_INVALID;
    pfn = read_m2p(mfn.n);
    return pfn < xen_pv_nr_pages && xen_pv_p2m[pfn] == mfn.n ? PFN(pfn) : PFN_INVALID;
}

/*
 * Return the entry that Xen is to store for a value, or 0 if the value is not present or its pfn
 * has no memory. PTE_GLOBAL is dropped, because Xen rules over global pages (it sets the bit in
 * user pages, which stay in the TLB across system calls).
 */
static u64 value_to_raw(u64 value)
{
    mfn_t mfn;

    if (!(value & PTE_PRESENT))
        return 0;
    value &= ~PTE_GLOBAL;
    if (value & PTE_USER)
        value |= PTE_GUEST_USER;
    if (value & PTE_FOREIGN)
        return value;
    mfn = xen_pv_pfn_to_mfn(value_pfn(value));
    return mfn.n == INVALID_P2M_ENTRY ? 0 : mfn.n << PAGE_SHIFT | (value & PTE_FLAGS_MASK);
}

/*
 * Return the value of an entry as it is in a table. A frame that is not ours keeps its mfn, and
 * PTE_FOREIGN says so.
 */
static u64 raw_to_value(u64 raw)
{
    u64 flags = raw & PTE_FLAGS_MASK & ~(PTE_GUEST_USER | PTE_GUEST_KERNEL | PTE_USER);
    pfn_t pfn;

    if (!(raw & PTE_PRESENT))
        return raw;
    if (raw & PTE_GUEST_USER)
        flags |= PTE_USER;
    pfn = raw & PTE_FOREIGN ? PFN_INVALID : xen_pv_mfn_to_pfn(MFN(value_pfn(raw).n));
    if (pfn.n == INVALID_P2M_ENTRY)
        return flags | PTE_FOREIGN | (raw & PTE_FRAME_MASK);
    return pte_value(pfn, flags);
}

pte_t xen_pv_make_pte(u64 value)
{
    return (pte_t){value_to_raw(value)};
}

/* An entry of level 2 to 4. A leaf there becomes 0: a PV guest has no large pages. */
static u64 upper_value_to_raw(u64 value)
{
    return value & PTE_PSE ? 0 : value_to_raw(value);
}

pmd_t xen_pv_make_pmd(u64 value)
{
    return (pmd_t){upper_value_to_raw(value)};
}

pud_t xen_pv_make_pud(u64 value)
{
    return (pud_t){upper_value_to_raw(value)};
}

pgd_t xen_pv_make_pgd(u64 value)
{
    return (pgd_t){upper_value_to_raw(value)};
}

u64 xen_pv_pte_val(pte_t entry)
{
    return raw_to_value(entry.raw);
}

u64 xen_pv_pmd_val(pmd_t entry)
{
    return raw_to_value(entry.raw);
}

u64 xen_pv_pud_val(pud_t entry)
{
    return raw_to_value(entry.raw);
}

u64 xen_pv_pgd_val(pgd_t entry)
{
    return raw_to_value(entry.raw);
}
