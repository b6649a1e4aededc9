/* SPDX-License-Identifier: MIT */
/* The CPUID instruction's registers and the leaves that pv/ reads (Intel SDM vol. 2, CPUID). */
#ifndef PV_CPUID_H
#define PV_CPUID_H

#include "lib/types.h"

struct cpuid_regs {
    u32 eax, ebx, ecx, edx;
};

/* Leaves n and 0x80000000 + n. A leaf that the CPU does not have is all zero. */
struct cpuid_leaves {
    struct cpuid_regs leaf_0, leaf_1, leaf_7;
    struct cpuid_regs ext_0, ext_1, ext_7;
};

#endif
