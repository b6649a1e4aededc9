/* SPDX-License-Identifier: MIT */
/*
 * The layout of every GDT (op load_gdt), and the selectors that follow from it. It is the same on
 * every backend. Only the kernel's own selectors differ on Xen PV, where the kernel uses Xen's flat
 * segments.
 */
#ifndef PV_SELECTORS_H
#define PV_SELECTORS_H

#define GDT_KERNEL_CODE 1
#define GDT_KERNEL_DATA 2
#define GDT_USER_CODE32 3 /* sysret requires these three in this order */
#define GDT_USER_DATA   4
#define GDT_USER_CODE64 5
#define GDT_TASK        6 /* two entries */
#define GDT_LDT         8 /* two entries */
#define GDT_FIRST_FREE  10
#define GDT_TLS         12 /* three entries */
#define GDT_MIN_COUNT   16
#define GDT_MAX_COUNT   512 /* one page */

#define KERNEL_CS     (GDT_KERNEL_CODE * 8)
#define KERNEL_DS     (GDT_KERNEL_DATA * 8)
#define USER_CS32     (GDT_USER_CODE32 * 8 + 3)
#define USER_DS       (GDT_USER_DATA * 8 + 3)
#define USER_CS       (GDT_USER_CODE64 * 8 + 3)
#define TASK_SELECTOR (GDT_TASK * 8)

/* Flat descriptors (Intel SDM vol. 3, section 3.4.5): present, accessed, page granular. */
#define DESCRIPTOR_KERNEL_CODE 0x00af9b000000ffff
#define DESCRIPTOR_KERNEL_DATA 0x00cf93000000ffff
#define DESCRIPTOR_USER_CODE32 0x00cffb000000ffff
#define DESCRIPTOR_USER_DATA   0x00cff3000000ffff
#define DESCRIPTOR_USER_CODE64 0x00affb000000ffff

/*
 * True of a code or data segment, and of 0: what the ops accept for a table. The backend writes
 * system descriptors itself, and no gate is allowed in these tables.
 */
#define IS_SEGMENT(descriptor) ((descriptor) == 0 || ((descriptor) >> 44 & 1))

#ifndef __ASSEMBLY__
#include "lib/types.h"

/* Return true if the arguments of an op are valid; the same on every backend (pv/native/desc.c). */
bool descriptor_fits(u32 index, u32 first, u64 descriptor);
bool tls_fits(const u64 tls[3]);
bool table_fits(const u64 *table, u32 count, u32 least);

/* Write the backend's entries of a GDT, except for the task's. */
void fill_gdt(u64 *gdt, u64 kernel_code, u64 kernel_data);
#endif

#endif
