/* SPDX-License-Identifier: MIT */
/* What the files of the Xen PVH backend share. */
#ifndef PV_XEN_PVH_XEN_PVH_H
#define PV_XEN_PVH_XEN_PVH_H

#include "pv/pv.h"

/* smp.c, irq.c: see struct xen_variant. */
const void *xen_pvh_initial_vcpu_context(u32 cpu, const struct pv_cpu_start *start);
const char *xen_pvh_set_event_callback(void);
int xen_pvh_send_nmi(u32 cpu);

/* populate.c: give back the memory that Xen has not set aside, and remove it from the map. */
void xen_pvh_give_back_missing(struct boot_info *info);

extern const struct pv_apic_ops xen_pvh_apic_ops;
extern const struct pv_host_ops xen_pvh_host_ops;

#endif
