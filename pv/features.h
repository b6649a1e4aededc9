/* SPDX-License-Identifier: MIT */
/*
 * The CPU features that the kernel may use on this platform: the CPU's own, without those that the
 * hypervisor reserves for itself. The kernel reads this list instead of CPUID, because a
 * hypervisor's CPUID may show a feature that its guest cannot use.
 */
#ifndef PV_FEATURES_H
#define PV_FEATURES_H

#include "lib/types.h"

/*
 * Each feature and its bit in CPUID: the leaf and the register, as fields of struct cpuid_leaves
 * (pv/cpuid.h), and the bit's number (Intel SDM vol. 2, AMD APM vol. 3).
 */
#define PV_FEATURES(X) \
    X(nx, ext_1, edx, 20)       /* no-execute pages */ \
    X(pse, leaf_1, edx, 3)      /* 2 MiB pages */ \
    X(gbpages, ext_1, edx, 26)  /* 1 GiB pages */ \
    X(pge, leaf_1, edx, 13)     /* global pages */ \
    X(smep, leaf_7, ebx, 7)     /* the kernel cannot execute user pages */ \
    X(smap, leaf_7, ebx, 20)    /* the kernel accesses user pages only between stac and clac */ \
    X(umip, leaf_7, ecx, 2)     /* user mode cannot execute sgdt, sidt, sldt, smsw, str */ \
    X(fsgsbase, leaf_7, ebx, 0) /* rdfsbase, wrfsbase and the same for gs */ \
    X(xsave, leaf_1, ecx, 26)   /* xsave and XCR0 */ \
    X(rdrand, leaf_1, ecx, 30) \
    X(rdseed, leaf_7, ebx, 18) \
    X(local_apic, leaf_1, edx, 9) \
    X(x2apic, leaf_1, ecx, 21) \
    X(tsc_deadline, leaf_1, ecx, 24) /* the local APIC's timer takes an absolute TSC value */ \
    X(invariant_tsc, ext_7, edx, 8)

struct pv_features {
#define FEATURE_BOOL(name, leaf, reg, number) bool name;
    PV_FEATURES(FEATURE_BOOL)
#undef FEATURE_BOOL
    bool syscall32; /* syscall from compatibility mode */
};

#endif
