/* SPDX-License-Identifier: MIT */
/*
 * The use of each vector of the IDT from 32 on. The local APIC delivers a higher vector first; 16
 * vectors are one priority class (Intel SDM vol. 3, section 11.8.3.1). Vectors 32 to 47 are set in
 * the 8259s, which are masked; an interrupt there is spurious.
 */
#ifndef PV_NATIVE_VECTORS_H
#define PV_NATIVE_VECTORS_H

enum {
    VECTOR_8259 = 0x20,
    VECTOR_LINES = 0x30,
    NR_LINES = 0x50,
    VECTOR_SOFTWARE =
        0x80, /* 0x80 to 0xd2: for int from user mode, once write_idt_entry opens one */
    VECTOR_XEN_EVENT = 0xd3, /* PVH; below the highest class, which the task priority cannot mask */
    VECTOR_IPIS = 0xe0,      /* one for each enum pv_ipi */
    VECTOR_FLUSH = 0xe8,     /* the TLB shoot-down (tlb.c) */
    VECTOR_PAGE_READY = 0xe9, /* KVM: the host has fetched a page (pv/kvm/async_pf.c) */
    VECTOR_SYNIC = 0xee,      /* messages of Hyper-V's timers */
    VECTOR_TIMER = 0xef,
    VECTOR_SPURIOUS_OTHER = 0xfe, /* the spurious vector while an interrupt at 0xff is ended */
    VECTOR_SPURIOUS = 0xff,       /* spurious: no owner, and no EOI (section 11.9) */
};

#endif
