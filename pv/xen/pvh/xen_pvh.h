/* What the files of the Xen PVH backend share. */
#ifndef PV_XEN_PVH_XEN_PVH_H
#define PV_XEN_PVH_XEN_PVH_H

#include "pv/pv.h"

/* smp.c */
const void *xen_pvh_first_state(u32 cpu, const struct pv_cpu_start *start);
extern const struct pv_smp_ops xen_pvh_smp_ops;

/* irq.c */
void xen_pvh_irq_init_cpu(void);
extern const struct pv_irq_ops xen_pvh_irq_ops;
extern const struct pv_apic_ops xen_pvh_apic_ops;
extern const struct pv_host_ops xen_pvh_host_ops;

#endif
