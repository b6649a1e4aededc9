/* SPDX-License-Identifier: MIT */
/*
 * What the files of Xen PV's page table ops share: entries.c (what an entry holds), mmu.c (the
 * queue of changes, TLB flushes), tables.c (whole tables and roots), memory.c (which machine frames
 * we have).
 */
#ifndef PV_XEN_PV_MMU_H
#define PV_XEN_PV_MMU_H

#include "pv/pv.h"
#include "pv/xen/pv/xen_pv.h"

/*
 * tables.c: set the direct map's entry of a frame to DIRECT_RW, DIRECT_RO or 0 (not present). The
 * change is queued like any other.
 */
void xen_pv_set_direct(pfn_t pfn, u64 prot);
#define DIRECT_RW (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_NX)
#define DIRECT_RO (PTE_PRESENT | PTE_ACCESSED | PTE_NX)

/* Panic: Xen refuses what the op asked for this frame, and the op cannot return an error. */
void xen_pv_refused(const char *op, u64 frame) __noreturn;

/* tables.c: note what the domain builder made; part of mmu_init. */
void xen_pv_tables_init(const struct boot_xen_pv *pv);

#endif
