/* SPDX-License-Identifier: MIT */
/* What the files of the Xen PV backend share. */
#ifndef PV_XEN_PV_XEN_PV_H
#define PV_XEN_PV_XEN_PV_H

#include "pv/pv.h"
#include "pv/xen/pv/addr.h"

/* The class tables, and xen_pv_NAME for each op: a function where this backend has its own. */
#define PV_CLASS_BEGIN(class) extern const struct pv_##class##_ops xen_pv_##class##_ops;

#define PV_OP(class, ret, name, params, args) ret xen_pv_##name params;
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END

/*
 * setup.c: read start_info by the direct map from here on; the builder's mapping ends with its
 * tables.
 */
void xen_pv_move_start_info(void);

/* setup.c: start_info, which suspend.c changes for a toolstack. */
struct start_info *xen_pv_start_info(void);

/* suspend.c: struct xen_variant's before_suspend and after_suspend. */
u64 xen_pv_before_suspend(void);
const char *xen_pv_after_suspend(bool cancelled);

/* setup.c: let a toolstack find the P2M. Call it when the P2M or its page tables have moved. */
void xen_pv_publish_p2m(void);

/*
 * growth.c: return how many pages the toolstack may ever let the domain have: the RAM of its map,
 * which dom0 does not have. Leaves the map in info's regions.
 */
u64 xen_pv_most_pages(struct boot_info *info);

/* growth.c: call the pages up to most absent, if there is room for a P2M that has them too. */
void xen_pv_plan_growth(struct boot_info *info, u64 most);

/* growth.c: if growth is planned, move the P2M there. The direct map is in use, and pv is final. */
void xen_pv_grow_p2m(const struct boot_xen_pv *pv);

/* mmu.c: queue CPU 0's changes of page tables in memory of the image; before the first change. */
void xen_pv_use_boot_batch(void);

/* mmu.c: read the highest mfn of this machine, at boot and after a restore. */
void xen_pv_read_max_mfn(void);

/* mmu.c: perform one mmuext_op with the arguments that xen/xen.h has for cmd; 0 or -EINVAL. */
int xen_pv_mmuext(unsigned int cmd, u64 arg1, u64 arg2);

/* tables.c: the kernel's root; the domain builder's until mm/ has made its own. */
extern pfn_t xen_pv_kernel_root;
/*
 * tables.c: make a page of the image or of the direct map read-only or writable in all its
 * mappings, because Xen accepts a frame as a descriptor table only if no mapping of it is writable.
 * Works with the builder's tables and with mm/'s. Returns 0 or -EINVAL.
 */
int xen_pv_set_writable(const void *page, bool writable);

/* desc.c: each CPU's loaded GDT and LDT, page-aligned; NULL if not loaded. */
extern u64 *xen_pv_loaded[PV_CPUS_MAX][2];
/* desc.c: register an entry point; a refusal is a panic. */
void xen_pv_register_callback(u16 type, const u8 *stub);

/* irq.c, smp.c: see struct xen_variant. */
const char *xen_pv_set_event_callback(void);
const void *xen_pv_initial_vcpu_context(u32 cpu, const struct pv_cpu_start *start);

/* trap.c: fill a table of 256 entries. */
struct trap_info;
void xen_pv_fill_trap_table(struct trap_info *table);

/* cpu.c: call this on each CPU before its other CPU ops. */
void xen_pv_cpu_init(void);
/* cpu.c: note that Xen has delivered #NM, and with that cleared CR0.TS. */
void xen_pv_note_nm_taken(void);

#endif
