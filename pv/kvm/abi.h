/* SPDX-License-Identifier: MIT */
/*
 * The interface of KVM to its guests (Linux, Documentation/virt/kvm/x86/: cpuid.rst, msr.rst,
 * hypercalls.rst). A feature is a bit of CPUID; most have an MSR by which the guest gives KVM the
 * address of a record that KVM writes, with bit 0 set: the guest takes it back by writing 0.
 */
#ifndef PV_KVM_ABI_H
#define PV_KVM_ABI_H

#include "lib/types.h"

/* Bits of eax in leaf base + 1. */
#define KVM_FEATURE_CLOCKSOURCE       (1u << 0)
#define KVM_FEATURE_CLOCKSOURCE2      (1u << 3)
#define KVM_FEATURE_ASYNC_PF          (1u << 4)
#define KVM_FEATURE_STEAL_TIME        (1u << 5)
#define KVM_FEATURE_PV_EOI            (1u << 6)
#define KVM_FEATURE_PV_UNHALT         (1u << 7)
#define KVM_FEATURE_PV_TLB_FLUSH      (1u << 9)
#define KVM_FEATURE_PV_SEND_IPI       (1u << 11)
#define KVM_FEATURE_POLL_CONTROL      (1u << 12)
#define KVM_FEATURE_PV_SCHED_YIELD    (1u << 13)
#define KVM_FEATURE_ASYNC_PF_INT      (1u << 14)
#define KVM_FEATURE_MIGRATION_CONTROL (1u << 17)
#define KVM_FEATURE_CLOCK_STABLE      (1u << 24)

/* Bit of edx there: no virtual CPU is ever preempted, so that to spin is cheaper than to halt. */
#define KVM_HINTS_REALTIME (1u << 0)

enum {
    MSR_KVM_WALL_CLOCK = 0x11, /* with CLOCKSOURCE, as the next one */
    MSR_KVM_SYSTEM_TIME = 0x12,
    MSR_KVM_WALL_CLOCK_NEW = 0x4b564d00, /* with CLOCKSOURCE2, as the next one */
    MSR_KVM_SYSTEM_TIME_NEW = 0x4b564d01,
    MSR_KVM_ASYNC_PF_EN = 0x4b564d02,
    MSR_KVM_STEAL_TIME = 0x4b564d03,
    MSR_KVM_PV_EOI_EN = 0x4b564d04,
    MSR_KVM_POLL_CONTROL = 0x4b564d05,
    MSR_KVM_ASYNC_PF_INT = 0x4b564d06, /* the vector of the interrupt */
    MSR_KVM_ASYNC_PF_ACK = 0x4b564d07,
    MSR_KVM_MIGRATION_CONTROL = 0x4b564d08,

    KVM_MSR_ENABLED = 1,           /* bit 0 of an address */
    KVM_ASYNC_PF_IN_KERNEL = 2,    /* also where the guest's kernel touches the page */
    KVM_ASYNC_PF_BY_INTERRUPT = 8, /* report a page that is there by an interrupt */
    KVM_POLL_BY_HOST = 1,
    KVM_MIGRATION_READY = 1,
};

enum {
    KVM_HC_KICK_CPU = 5,     /* flags, APIC id */
    KVM_HC_SEND_IPI = 10,    /* bitmap of APIC ids, its high half, the lowest id, ICR */
    KVM_HC_SCHED_YIELD = 11, /* APIC id */

    KVM_IPI_CPUS = 128, /* bits of KVM_HC_SEND_IPI's bitmap */
};

/* A linear function of the TSC. The version is odd while KVM writes the record. */
struct pvclock_time {
    u32 version, pad;
    u64 tsc_timestamp, system_time;
    u32 mul;
    signed char shift;
    u8 flags, pad2[2];
};
_Static_assert(sizeof(struct pvclock_time) == 32, "struct pvclock_vcpu_time_info of the ABI");

#define PVCLOCK_TSC_STABLE (1u << 0) /* all CPUs' records are of one clock */

/* The wall clock at system time 0. */
struct pvclock_wall {
    u32 version, sec, nsec;
};

struct kvm_steal_time {
    u64 steal; /* ns */
    u32 version, flags;
    u8 preempted, pad[3];
    u32 pad2[11];
};
_Static_assert(sizeof(struct kvm_steal_time) == 64, "the ABI");

/* Asynchronous page faults: KVM writes both, the guest clears them. */
struct kvm_page_fault {
    u32 reason; /* of a #PF that KVM raises, before that */
    u32 token;  /* of a page that is there, before the interrupt */
    u8 pad[56];
};
_Static_assert(sizeof(struct kvm_page_fault) == 64, "struct kvm_vcpu_pv_apf_data of the ABI");

#define KVM_PF_NOT_PRESENT 1u  /* a reason: the host fetches the page, whose token is in CR2 */
#define KVM_PF_ALL_PAGES   ~0u /* a token: every page is there */

/* Bits of preempted. */
#define KVM_VCPU_PREEMPTED 1u /* KVM sets and clears it */
#define KVM_VCPU_FLUSH_TLB 2u /* another CPU sets it: flush before this one runs again */

#endif
