/*
 * Where fields of the vCPU's vcpu_info are in its CPU area, for assembly. irq.c asserts that Xen's
 * header agrees.
 */
#ifndef PV_XEN_PV_VCPU_INFO_H
#define PV_XEN_PV_VCPU_INFO_H

#include "pv/cpu_area.h"

#define VCPU_PENDING CPU_AREA_SHARED
#define VCPU_MASK    (CPU_AREA_SHARED + 1)
#define VCPU_CR2     (CPU_AREA_SHARED + 16)

#endif
