/* The CPU's own tables, once the kernel stands: descriptors, task state, system calls. */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include "lib/types.h"

/* The GDT in use; entries from GDT_FIRST_FREE up are free for pv_write_gdt_entry. */
extern u64 cpu_gdt[512];

void cpu_init(void);

#endif
