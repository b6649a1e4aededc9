/*
 * What the native backend keeps at the kernel's %gs base, for code that has no register free.
 * Whoever calls pv_write_kernel_gs_base leaves it these first bytes (PV_CPU_AREA_SIZE, pv/pv.h).
 */
#ifndef PV_NATIVE_CPU_AREA_H
#define PV_NATIVE_CPU_AREA_H

#define CPU_AREA_SP0     0
#define CPU_AREA_USER_SP 8
#define CPU_AREA_SIZE    16

#endif
