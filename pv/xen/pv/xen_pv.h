/* What the files of the Xen PV backend share. */
#ifndef PV_XEN_PV_XEN_PV_H
#define PV_XEN_PV_XEN_PV_H

#include "pv/pv.h"

/* The class tables, and of every op the function by its name, where this backend has one. */
#define PV_CLASS_BEGIN(class)                 extern const struct pv_##class##_ops xen_pv_##class##_ops;
#define PV_OP(class, ret, name, params, args) ret xen_pv_##name params;
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END

/*
 * The P2M: the machine frame of each of our frames. Xen's builder made it; entries change when
 * memory is given back or exchanged.
 */
#define INVALID_P2M_ENTRY (~0ull)
extern u64 *xen_pv_p2m;
extern u64 xen_pv_nr_pages; /* how many frames it knows */

/*
 * setup.c: where the direct map has what lies there or at an address of the image (or of what the
 * builder mapped behind it), and the machine frame of it.
 */
void *xen_pv_direct(const void *va);
u64 xen_pv_image_mfn(const void *va);
void xen_pv_move_start_info(void);

/* mmu.c: one mmuext_op, with the arguments that xen/xen.h has for cmd. Returns 0 or -EINVAL. */
int xen_pv_mmuext(unsigned int cmd, u64 arg1, u64 arg2);

/*
 * tables.c: the kernel's root, the builder's before mm/ has made its own; and what makes a page of
 * the image read-only or writable in all its mappings: Xen takes a frame as a descriptor table only
 * if no mapping of it is writable. Works before and after mm/'s tables; returns 0 or -EINVAL.
 */
extern pfn_t xen_pv_kernel_root;
int xen_pv_set_writable(const void *page, bool writable);

/* desc.c: each CPU's GDT and LDT in use, page-aligned and in the image; NULL: none. */
extern u64 *xen_pv_loaded[PV_CPUS_MAX][2];
void xen_pv_register_callback(u16 type, const u8 *stub);

/* irq.c, smp.c: see struct xen_variant. */
const char *xen_pv_set_event_callback(void);
const void *xen_pv_initial_vcpu_context(u32 cpu, const struct pv_cpu_start *start);

/* trap.c */
struct trap_info;
void xen_pv_fill_trap_table(struct trap_info *table); /* 256 entries */

/* cpu.c: on each CPU, before its other ops. */
void xen_pv_cpu_init(void);
void xen_pv_note_nm_taken(void);

#endif
