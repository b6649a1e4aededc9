/*
 * What the kernel may use of this CPU, here: the CPU's own features less what the platform keeps
 * for itself. PV_FEATURE(name) lists them; struct pv_features has one bool each. The kernel asks by
 * this list instead of CPUID, since a hypervisor's CPUID may promise what its guest cannot have.
 */
#ifndef PV_FEATURES_H
#define PV_FEATURES_H

#include "lib/types.h"

#define PV_FEATURES(X) \
    X(nx)       /* no-execute pages */ \
    X(pse)      /* 2 MiB pages */ \
    X(gbpages)  /* 1 GiB pages */ \
    X(pge)      /* global pages */ \
    X(smep)     /* no execution of user pages by the kernel */ \
    X(smap)     /* no access to user pages by the kernel but between stac and clac */ \
    X(umip)     /* no sgdt, sidt, sldt, smsw, str in user mode */ \
    X(fsgsbase) /* rdfsbase and its like */ \
    X(xsave)    /* xsave and XCR0 */ \
    X(rdrand) \
    X(rdseed) \
    X(local_apic) \
    X(x2apic) \
    X(tsc_deadline) /* the local APIC's timer takes an absolute TSC value */ \
    X(invariant_tsc) \
    X(syscall32) /* syscall from compatibility mode */

struct pv_features {
#define FEATURE_BOOL(name) bool name;
    PV_FEATURES(FEATURE_BOOL)
#undef FEATURE_BOOL
};

#endif
