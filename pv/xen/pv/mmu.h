/*
 * What the three files of Xen PV's class 3 share: mmu.c (conversion, single entries, the queue,
 * TLB), tables.c (whole tables and roots), memory.c (which machine frames we have).
 */
#ifndef PV_XEN_PV_MMU_H
#define PV_XEN_PV_MMU_H

#include "pv/pv.h"
#include "pv/xen/pv/xen_pv.h"
#include <xen/xen.h>

/* How many frames the P2M knows (xen_pv.h). */
extern u64 xen_pv_nr_pages;

/* An entry of a direct-mapped table as mmu_update wants it: its machine address. */
u64 xen_pv_slot_address(const void *slot);

/*
 * Queues one change (address: a machine address and an MMU_ command); not lazily, it is made at
 * once. drain makes all changes that are queued, and then the flushes.
 */
void xen_pv_push(u64 address, u64 raw);
void xen_pv_drain(void);
void xen_pv_flush_at_drain(void);

/* The direct map's entry of a frame: writable, read-only or (prot 0) absent. Queued like any
 * change. */
void xen_pv_set_direct(pfn_t pfn, u64 prot);
#define DIRECT_RW (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_NX)
#define DIRECT_RO (PTE_PRESENT | PTE_ACCESSED | PTE_NX)

/* mmuext_op of some requests, all or the first failure's error. */
int xen_pv_mmuext(struct mmuext_op *ops, unsigned int count);

void xen_pv_user_access(void);

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
