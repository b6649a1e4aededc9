/* The local APIC, for the other files of the native backend (and for PVH's event vector). */
#ifndef PV_NATIVE_APIC_H
#define PV_NATIVE_APIC_H

#include "pv/pv.h"

/* Registers, by their xAPIC offsets (Intel SDM vol. 3, table 11-1). */
enum {
    APIC_ID = 0x20,
    APIC_VERSION = 0x30,
    APIC_TPR = 0x80,
    APIC_PPR = 0xa0,
    APIC_EOI = 0xb0,
    APIC_LDR = 0xd0,
    APIC_SVR = 0xf0,
    APIC_ISR = 0x100, /* 8 registers, 32 vectors in each; so are TMR and IRR */
    APIC_TMR = 0x180,
    APIC_IRR = 0x200,
    APIC_ESR = 0x280,
    APIC_LVT_CMCI = 0x2f0,
    APIC_ICR_LOW = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_THERMAL = 0x330,
    APIC_LVT_PERF = 0x340,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,

    VERSION_MAX_LVT_SHIFT = 16, /* the table's last entry, counted from 0 */
    SVR_ENABLE = 0x100,
    LVT_MASKED = 0x10000,
    LVT_NMI = 0x400,
    LVT_TIMER_TSC_DEADLINE = 0x40000,
    TIMER_DIVIDE_BY_1 = 0xb,
    ICR_NMI = 0x400,
    ICR_INIT = 0x500,
    ICR_START_UP = 0x600,
    ICR_PENDING = 0x1000,
    ICR_ASSERT = 0x4000,
};

/* Enable this CPU's APIC, with its own sources masked. Return false if the CPU has no APIC. */
bool native_apic_init(void);

/* Add the page of registers to the memory map, so that the direct map has it. */
void native_map_apic(struct boot_info *info);

/*
 * Return true if an IPI can be sent to the CPU of this APIC id alone. In xAPIC mode the ICR has 8
 * bits for an id, and 255 means every CPU.
 */
bool native_apic_can_address(u32 apic_id);

/* Read and write a register that exists: unlike the ops, these do not check the offset. */
u32 native_apic_get(u32 offset);
void native_apic_set(u32 offset, u32 value);
u32 native_apic_own_id(void);

#endif
