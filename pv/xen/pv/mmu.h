/*
 * What the three files of Xen PV's class 3 share: mmu.c (conversion, single entries, the queue,
 * TLB), tables.c (whole tables and roots), memory.c (which machine frames we have).
 */
#ifndef PV_XEN_PV_MMU_H
#define PV_XEN_PV_MMU_H

#include "pv/pv.h"
#include "pv/xen/pv/xen_pv.h"

/* An entry of level 1; 0 for what is not present or has no machine frame. */
pte_t xen_pv_make_pte(u64 value);

/* Queues one change of an entry in the direct map; not lazily, it is made at once. */
void xen_pv_set_pte(pte_t *slot, pte_t entry);
void xen_pv_flush_all(void);

/* drain makes all changes that are queued, and then the flushes. */
void xen_pv_lazy_enter(void);
void xen_pv_lazy_leave(void);
void xen_pv_drain(void);

/* The direct map's entry of a frame: writable, read-only or (prot 0) absent. Queued like any
 * change. */
void xen_pv_set_direct(pfn_t pfn, u64 prot);
#define DIRECT_RW (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_NX)
#define DIRECT_RO (PTE_PRESENT | PTE_ACCESSED | PTE_NX)

/* How an op ends that can return no error. */
void xen_pv_refused(const char *op, u64 frame) __noreturn;

/* tables.c */
void *xen_pv_early_map(pfn_t pfn);
const char *xen_pv_install_tables(struct pv_kernel_tables *t);
void xen_pv_tables_init(const struct boot_info *info);
void xen_pv_announce_table(pfn_t pfn, int level);
void xen_pv_release_table(pfn_t pfn, int level);
int xen_pv_pin_root(pfn_t root);
void xen_pv_unpin_root(pfn_t root);
pfn_t xen_pv_read_root(void);
void xen_pv_write_root(pfn_t root);
void xen_pv_set_fixmap(enum pv_fixmap index, u64 value);

/* memory.c */
s64 xen_pv_balloon_adjust(pfn_t first, u64 count, bool give);
int xen_pv_make_contiguous(pfn_t first, u32 order, u32 address_bits);

#endif
