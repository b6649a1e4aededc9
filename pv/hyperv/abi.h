/* SPDX-License-Identifier: MIT */
/*
 * The interface of Hyper-V to its guests (Hypervisor Top Level Functional Specification, TLFS): the
 * bits of CPUID that offer a feature, the MSRs, and the hypercalls. Times are in units of 100 ns. A
 * page that the guest gives to the hypervisor is named by an MSR: its physical address, and bit 0
 * set while it is enabled.
 */
#ifndef PV_HYPERV_ABI_H
#define PV_HYPERV_ABI_H

#include "lib/types.h"

enum {
    HV_LEAF_VENDOR = 0x40000000, /* eax: the largest leaf */
    HV_LEAF_INTERFACE = 0x40000001,
    HV_LEAF_FEATURES = 0x40000003,
    HV_LEAF_HINTS = 0x40000004,
    HV_LEAF_LEAST = 0x40000005, /* the largest leaf of every conforming hypervisor */

    HV_INTERFACE = 0x31237648, /* "Hv#1" in eax */
};

/* Bits of eax in HV_LEAF_FEATURES: MSRs that this guest may use. */
#define HV_ACCESS_COUNTER    (1u << 1)
#define HV_ACCESS_SYNIC      (1u << 2)
#define HV_ACCESS_TIMERS     (1u << 3)
#define HV_ACCESS_APIC       (1u << 4)
#define HV_ACCESS_HYPERCALLS (1u << 5)
#define HV_ACCESS_VP_INDEX   (1u << 6)
#define HV_ACCESS_RESET      (1u << 7)
#define HV_ACCESS_TSC_PAGE   (1u << 9)
#define HV_ACCESS_RATES      (1u << 11)

/* Bits of edx there: features that exist. */
#define HV_HAS_RATES         (1u << 8)
#define HV_HAS_CRASH         (1u << 10)
#define HV_HAS_DIRECT_TIMERS (1u << 19)

/* Bits of eax in HV_LEAF_HINTS: what the hypervisor recommends. */
#define HV_HINT_FLUSH     (1u << 2) /* of other CPUs' TLBs, by hypercall */
#define HV_HINT_APIC_MSRS (1u << 3)
#define HV_HINT_RELAXED   (1u << 5) /* no watchdog may count on interrupts that are on time */
#define HV_HINT_IPI       (1u << 10)
#define HV_HINT_SETS      (1u << 11) /* of more than 64 virtual processors */

enum {
    MSR_HV_GUEST_OS_ID = 0x40000000, /* not 0 while hypercalls are used */
    MSR_HV_HYPERCALL = 0x40000001,   /* the hypercall page */
    MSR_HV_VP_INDEX = 0x40000002,
    MSR_HV_RESET = 0x40000003,
    MSR_HV_COUNTER = 0x40000020,  /* the reference time */
    MSR_HV_TSC_PAGE = 0x40000021, /* a page that leads from the TSC to the reference time */
    MSR_HV_TSC_HZ = 0x40000022,
    MSR_HV_APIC_HZ = 0x40000023,
    MSR_HV_EOI = 0x40000070,
    MSR_HV_ASSIST_PAGE = 0x40000073,
    MSR_HV_SCONTROL = 0x40000080,
    MSR_HV_MESSAGE_PAGE = 0x40000083, /* SIMP */
    MSR_HV_END_OF_MESSAGE = 0x40000084,
    MSR_HV_SINT0 = 0x40000090,
    MSR_HV_TIMER0_CONFIG = 0x400000b0,
    MSR_HV_TIMER0_COUNT = 0x400000b1, /* the deadline, in reference time; 0 stops the timer */
    MSR_HV_CRASH_P0 = 0x40000100,     /* and four more parameters */
    MSR_HV_CRASH_CONTROL = 0x40000105,

    HV_ENABLED = 1, /* of a page's MSR, and of SCONTROL */
    HV_SINT_MASKED = 1 << 16,
    HV_TIMER_AUTO_ENABLE = 1 << 3, /* a write of the count enables the timer */
    HV_TIMER_VECTOR_SHIFT = 4,     /* in direct mode: the vector in the local APIC */
    HV_TIMER_DIRECT = 1 << 12,
    HV_TIMER_SINT_SHIFT = 16, /* otherwise: the SINT of its messages */
};

#define HV_CRASH_NOTIFY (1ull << 63) /* of the control: the parameters are complete */

/* Bit 63: an open-source kernel. Bits 62 to 56: its type, which has no number in the TLFS. */
#define HV_GUEST_OS_ID (1ull << 63 | 0x70ull << 56)

/*
 * The reference TSC page: time = (TSC * scale >> 64) + offset, in 100 ns. The hypervisor changes
 * the sequence with each change; while it is 0, the counter's MSR is to be read instead. All ones
 * is what versions before 2016 have for 0.
 */
struct hv_tsc_page {
    u32 sequence, reserved;
    u64 scale, offset;
};

#define HV_TSC_PAGE_INVALID(sequence) ((sequence) == 0 || (sequence) == ~0u)

/* The VP assist page: bit 0 of its first word is set if the interrupt in service needs no EOI. */
struct hv_assist_page {
    u32 no_eoi;
};

/* A message slot of the message page, one for each SINT. */
struct hv_message {
    u32 type; /* 0: the slot is free */
    u8 size, flags, reserved[2];
    u64 origin, payload[30];
};
_Static_assert(sizeof(struct hv_message) == 256, "16 messages are a page");

#define HV_MESSAGE_PENDING       (1u << 0) /* of flags: another message is ready for the slot */
#define HV_MESSAGE_TIMER_EXPIRED 0x80000010u

/* Hypercalls. The result's low 16 bits are a status, 0 for success. */
enum {
    HV_FLUSH_SPACE = 0x2,
    HV_FLUSH_LIST = 0x3,
    HV_SEND_IPI = 0xb,
    HV_FLUSH_SPACE_EX = 0x13,
    HV_FLUSH_LIST_EX = 0x14,
    HV_SEND_IPI_EX = 0x15,

    HV_CALL_BANKS_SHIFT = 17, /* of the control: 64-bit words of the variable header */
};

#define HV_CALL_FAST      (1ull << 16) /* the input is in the registers */
#define HV_CALL_ONE_REP   (1ull << 32) /* a list of one element */
#define HV_CALL_STATUS    0xffffull
#define HV_FLUSH_ALL_SETS 2ull /* flags: of all address spaces, global translations included */

#endif
