/* SPDX-License-Identifier: MIT */
/* The instruction of VMware's backdoor (pv/vmware/backdoor.h). */
#include "pv/vmware/backdoor.h"

struct vmware_answer vmware_call(u32 command, u32 ebx, u32 esi, u32 edi)
{
    struct vmware_answer a = {VMWARE_MAGIC, ebx, command, VMWARE_PORT};

    __asm__ volatile("inl %%dx, %%eax"
                     : "+a"(a.eax), "+b"(a.ebx), "+c"(a.ecx), "+d"(a.edx), "+S"(esi), "+D"(edi)
                     :
                     : "memory");
    return a;
}
