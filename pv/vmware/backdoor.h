/* SPDX-License-Identifier: MIT */
/*
 * VMware's backdoor: an I/O port that the hypervisor watches. IN from the port, with a magic number
 * in eax and a command in ecx, is a hypercall: the answer is in eax, ebx, ecx and edx. ebx, or esi
 * and edi, are arguments (open-vm-tools, backdoor_def.h; Linux, asm/vmware.h). QEMU's vmport
 * answers some of the commands.
 *
 * A machine without the backdoor reads all ones in eax and changes no other register. The same
 * marks a command that the hypervisor does not offer, or that the machine's owner has forbidden.
 */
#ifndef PV_VMWARE_BACKDOOR_H
#define PV_VMWARE_BACKDOOR_H

#include "lib/types.h"

enum {
    VMWARE_GET_VERSION = 10,
    VMWARE_GET_HZ = 45,        /* ebx and eax: of the TSC; ecx: of the local APIC's timer */
    VMWARE_GET_VCPU_INFO = 68, /* eax: bits, below */
    VMWARE_STEAL_CLOCK = 91,   /* esi and edi: a physical address; eax: below */

    VCPU_INFO_LEGACY_X2APIC = 1 << 3, /* x2APIC mode works without interrupt remapping */
    STEAL_CLOCK_ENABLED = 1,
};

#define VMWARE_PORT          0x5658
#define VMWARE_MAGIC         0x564d5868u
#define VMWARE_NONE          0xffffffffu
#define VCPU_INFO_RESERVED   (1u << 31) /* set: the other bits have no meaning */
#define STEAL_CLOCK_DISABLE  1u         /* in edi, with esi 0 */
#define VMWARE_CPUID_NAME    "VMwareVMware"
#define VMWARE_SERIAL_PREFIX "VMware-"

struct vmware_answer {
    u32 eax, ebx, ecx, edx;
};

/* Execute a command. ebx, esi and edi: its arguments; most take VMWARE_NONE, 0 and 0. */
struct vmware_answer vmware_call(u32 command, u32 ebx, u32 esi, u32 edi);

/* Execute a command without arguments. */
static inline struct vmware_answer vmware_get(u32 command)
{
    return vmware_call(command, VMWARE_NONE, 0, 0);
}

/* Return the hypervisor's version of the backdoor, or VMWARE_NONE if it does not answer. */
static inline u32 vmware_version(void)
{
    const struct vmware_answer a = vmware_get(VMWARE_GET_VERSION);

    return a.ebx == VMWARE_MAGIC ? a.eax : VMWARE_NONE;
}

#endif
