/*
 * What the kernel may use of this CPU, here: the CPU's own features less what the platform keeps
 * for itself. The kernel asks by this list instead of CPUID, since a hypervisor's CPUID may promise
 * what its guest cannot have.
 */
#ifndef PV_FEATURES_H
#define PV_FEATURES_H

#include "lib/types.h"

/* Each, and its bit in CPUID (Intel SDM vol. 2, AMD APM vol. 3): leaf, register, number. */
#define PV_FEATURES(X) \
    X(nx, EXT1, EDX, 20)      /* no-execute pages */ \
    X(pse, 1, EDX, 3)         /* 2 MiB pages */ \
    X(gbpages, EXT1, EDX, 26) /* 1 GiB pages */ \
    X(pge, 1, EDX, 13)        /* global pages */ \
    X(smep, 7, EBX, 7)        /* no execution of user pages by the kernel */ \
    X(smap, 7, EBX, 20)    /* no access to user pages by the kernel but between stac and clac */ \
    X(umip, 7, ECX, 2)     /* no sgdt, sidt, sldt, smsw, str in user mode */ \
    X(fsgsbase, 7, EBX, 0) /* rdfsbase and its like */ \
    X(xsave, 1, ECX, 26)   /* xsave and XCR0 */ \
    X(rdrand, 1, ECX, 30) \
    X(rdseed, 7, EBX, 18) \
    X(local_apic, 1, EDX, 9) \
    X(x2apic, 1, ECX, 21) \
    X(tsc_deadline, 1, ECX, 24) /* the local APIC's timer takes an absolute TSC value */ \
    X(invariant_tsc, EXT7, EDX, 8)

struct pv_features {
#define FEATURE_BOOL(name, leaf, reg, bit) bool name;
    PV_FEATURES(FEATURE_BOOL)
#undef FEATURE_BOOL
    bool syscall32; /* syscall from compatibility mode */
};

#endif
