/* SPDX-License-Identifier: MIT */
/* What the files of the VMware backend share. */
#ifndef PV_VMWARE_VMWARE_H
#define PV_VMWARE_VMWARE_H

#include "pv/pv.h"

/* time.c: the clock's rates, and the steal clock of this CPU. */
const char *vmware_time_init(void);
u64 vmware_steal_ns(void);
void vmware_steal_enable(void);
void vmware_steal_disable(void);

/* Return whether the hypervisor keeps a steal clock for this CPU. */
bool vmware_has_steal_clock(void);

#endif
