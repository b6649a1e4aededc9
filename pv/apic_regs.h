/* SPDX-License-Identifier: MIT */
/*
 * Registers of the local APIC and their bits, as used by the ops of class apic (pv/ops/apic.def),
 * by the native backend and by tests.
 */
#ifndef PV_APIC_REGS_H
#define PV_APIC_REGS_H

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
    LVT_MODE = 0x700, /* delivery mode; 0: fixed, at the entry's vector */
    LVT_NMI = 0x400,
    LVT_EXTINT = 0x700,
    LVT_TIMER_TSC_DEADLINE = 0x40000,
    TIMER_DIVIDE_BY_1 = 0xb,
    ICR_NMI = 0x400,
    ICR_INIT = 0x500,
    ICR_START_UP = 0x600,
    ICR_PENDING = 0x1000,
    ICR_ASSERT = 0x4000,
};

#endif
