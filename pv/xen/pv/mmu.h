/*
 * What the files of Xen PV's page tables share: mmu.c (conversion, single entries, the queue,
 * TLB), tables.c (whole tables and roots), memory.c (which machine frames we have).
 */
#ifndef PV_XEN_PV_MMU_H
#define PV_XEN_PV_MMU_H

#include "pv/pv.h"
#include "pv/xen/pv/xen_pv.h"

/* The direct map's entry of a frame: writable, read-only or (prot 0) absent. Queued like any
 * change. */
void xen_pv_set_direct(pfn_t pfn, u64 prot);
#define DIRECT_RW (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_NX)
#define DIRECT_RO (PTE_PRESENT | PTE_ACCESSED | PTE_NX)

/* How an op ends that can return no error. */
void xen_pv_refused(const char *op, u64 frame) __noreturn;

/* tables.c: the boot's part of mmu_init. */
void xen_pv_tables_init(const struct boot_xen_pv *pv);

#endif
