/* The CPUID instruction's registers and the leaves that pv/ reads (Intel SDM vol. 2, CPUID). */
#ifndef PV_CPUID_H
#define PV_CPUID_H

#include "lib/types.h"

struct cpuid_regs {
    u32 eax, ebx, ecx, edx;
};

#endif
