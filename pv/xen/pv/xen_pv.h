/* What the files of the Xen PV backend share. */
#ifndef PV_XEN_PV_XEN_PV_H
#define PV_XEN_PV_XEN_PV_H

#include "pv/pv.h"

/* setup.c: the machine frame that backs a page of the image or of the direct map. */
u64 xen_pv_image_mfn(const void *va);
void xen_pv_move_start_info(void);

/* tables.c: the kernel's root, the builder's before mm/ has made its own. */
pfn_t xen_pv_kernel_root(void);
/* mmu.c: one mmuext_op, with the arguments that xen/xen.h has for cmd. Returns 0 or -EINVAL. */
int xen_pv_mmuext(unsigned int cmd, u64 arg1, u64 arg2);
extern const struct pv_mmu_ops xen_pv_mmu_ops;
extern const struct pv_host_ops xen_pv_host_ops;

/*
 * The P2M: the machine frame of each of our frames. Xen's builder made it; entries change when
 * memory is given back or exchanged.
 */
#define NO_FRAME (~0ull)
extern u64 *xen_pv_p2m;
extern u64 xen_pv_nr_pages; /* how many frames it knows */

/*
 * tables.c: makes a page of the image read-only or writable in all its mappings: Xen takes a frame
 * as a descriptor table only if no mapping of it is writable. Works before and after mm/'s tables;
 * returns 0 or -EINVAL.
 */
int xen_pv_set_writable(const void *page, bool writable);

/* smp.c */
const void *xen_pv_first_state(u32 cpu, const struct pv_cpu_start *start);
extern const struct pv_smp_ops xen_pv_smp_ops;

/* irq.c */
u64 xen_pv_save_fl(void);
void xen_pv_restore_fl(u64 flags);
void xen_pv_irq_disable(void);
void xen_pv_irq_enable(void);
extern const struct pv_flag_ops xen_pv_flag_ops;
extern const struct pv_irq_ops xen_pv_irq_ops;

/* apic.c */
extern const struct pv_apic_ops xen_pv_apic_ops;

/* trap.c */
void xen_pv_trap_init(void);
void xen_pv_load_idt(void);
struct trap_info;
void xen_pv_fill_trap_table(struct trap_info *table); /* 256 entries */
int xen_pv_write_idt_entry(u8 vector, u8 dpl);

/* entry.S */
extern const char xen_pv_entry_start[], xen_pv_entry_end[];
void xen_pv_iret(struct trap_frame *frame);
void xen_pv_sysret(struct trap_frame *frame);

/* cpu.c */
u64 xen_pv_read_cr2(void);
void xen_pv_write_cr2(u64 value);
void xen_pv_cpu_init(void);
void xen_pv_note_fpu_trap_taken(void);
extern const struct pv_cpu_ops xen_pv_cpu_ops;

/* desc.c: each CPU's GDT and LDT in use, page-aligned and in the image; NULL: none. */
extern u64 *xen_pv_loaded[PV_CPUS_MAX][2];
int xen_pv_load_gdt(u64 *gdt, u32 count);
int xen_pv_write_gdt_entry(u64 *gdt, u32 index, u64 descriptor);
int xen_pv_load_ldt(u64 *ldt, u32 count);
int xen_pv_write_ldt_entry(u64 *ldt, u32 index, u64 descriptor);
int xen_pv_load_tls(const u64 tls[3]);
u16 xen_pv_store_tr(void);
void xen_pv_load_sp0(u64 sp);
int xen_pv_set_iopl(u32 level);
int xen_pv_set_io_bitmap(const u8 *bitmap, u32 count);
void xen_pv_syscall_init(void);

#endif
