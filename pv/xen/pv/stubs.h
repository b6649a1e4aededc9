/* Where Xen enters a PV guest's kernel, by vector (entry.S). */
#ifndef PV_XEN_PV_STUBS_H
#define PV_XEN_PV_STUBS_H

#include "pv/trap_frame.h"

#define XEN_PV_STUB_SIZE 8

#ifndef __ASSEMBLY__
extern const u8 xen_pv_vector_stubs[VECTOR_STUBS][XEN_PV_STUB_SIZE];
#endif

#endif
