/* What the files of the Xen PV backend share. */
#ifndef PV_XEN_PV_XEN_PV_H
#define PV_XEN_PV_XEN_PV_H

/* trap.c */
void xen_pv_trap_init(void);

#endif
