/* SPDX-License-Identifier: MIT */
/* The offsets that the Xen PV backend's assembly uses (pv/asm_offsets.h). */
#include "pv/asm_offsets.h"
#include "pv/cpu_area.h"
#include <xen/xen.h>

/* Xen shares a struct vcpu_info with each vCPU; it is in the CPU's area, where %gs reaches it. */
#define VCPU_INFO_FIELD(name, field) \
    ASM_CONSTANT(name, offsetof(struct pv_cpu_area, shared) + offsetof(struct vcpu_info, field))

void xen_pv_asm_offsets(void);
void xen_pv_asm_offsets(void)
{
    VCPU_INFO_FIELD(VCPU_PENDING, evtchn_upcall_pending);
    VCPU_INFO_FIELD(VCPU_MASK, evtchn_upcall_mask);
    VCPU_INFO_FIELD(VCPU_CR2, arch.cr2);
}
