/* SPDX-License-Identifier: MIT */
/*
 * Addresses and frame numbers of a Xen PV guest. Three of them name the same memory: a virtual
 * address, a pfn (the guest's own number of a page frame) and an mfn (the machine's number, which
 * Xen's hypercalls and the page tables use). mmu.c explains why there are two numbers.
 */
#ifndef PV_XEN_PV_ADDR_H
#define PV_XEN_PV_ADDR_H

#include "lib/address_map.h"
#include "pv/mmu_types.h"

/*
 * The P2M: the mfn of each pfn, INVALID_P2M_ENTRY for a pfn without memory. Xen's domain builder
 * made it; an entry changes when its frame is ballooned out or exchanged.
 */
#define INVALID_P2M_ENTRY (~0ull)
extern u64 *xen_pv_p2m;
extern u64 xen_pv_nr_pages; /* entries of the P2M */

/*
 * Return the address at which the direct map has the byte at va. va is an address of the direct map
 * itself, of the image, or of what the domain builder mapped after the image.
 */
static inline void *xen_pv_direct_va(const void *va)
{
    return (void *)((u64)va < VIRT_BASE ? (u64)va : (u64)va - VIRT_BASE + DIRECT_MAP);
}

/* Return the mfn of the frame that holds the byte at va, an address as for xen_pv_direct_va. */
static inline u64 xen_pv_virt_to_mfn(const void *va)
{
    return xen_pv_p2m[va_to_pfn(xen_pv_direct_va(va)).n];
}

#endif
