/* SPDX-License-Identifier: MIT */
/* What CPUID offers of Hyper-V. This is pure code, which test/host/test_hyperv.c runs. */
#ifndef PV_HYPERV_LEAVES_H
#define PV_HYPERV_LEAVES_H

#include "pv/cpuid.h"
#include "pv/hyperv/abi.h"

/* The features that this backend uses. */
#define HYPERV_HYPERCALLS    (1u << 0)
#define HYPERV_VP_INDEX      (1u << 1)
#define HYPERV_COUNTER       (1u << 2)
#define HYPERV_TSC_PAGE      (1u << 3)
#define HYPERV_TIMERS        (1u << 4)
#define HYPERV_DIRECT_TIMERS (1u << 5)
#define HYPERV_SYNIC         (1u << 6)
#define HYPERV_ASSIST_PAGE   (1u << 7)
#define HYPERV_EOI_MSR       (1u << 8)
#define HYPERV_RATES         (1u << 9)
#define HYPERV_CRASH         (1u << 10)
#define HYPERV_RESET         (1u << 11)
#define HYPERV_FLUSH         (1u << 12)
#define HYPERV_IPI           (1u << 13)
#define HYPERV_SETS          (1u << 14)

struct hyperv_leaves {
    bool present;
    u32 features, hints; /* hints: eax of HV_LEAF_HINTS */
};

/* A feature needs all of these bits of its leaves, and other features. */
static const struct hyperv_need {
    u32 feature, access, has, hint, others;
} hyperv_needs[] = {
    {HYPERV_HYPERCALLS, HV_ACCESS_HYPERCALLS, 0, 0, 0},
    {HYPERV_VP_INDEX, HV_ACCESS_VP_INDEX, 0, 0, 0},
    {HYPERV_COUNTER, HV_ACCESS_COUNTER, 0, 0, 0},
    {HYPERV_TSC_PAGE, HV_ACCESS_TSC_PAGE, 0, 0, HYPERV_COUNTER},
    {HYPERV_SYNIC, HV_ACCESS_SYNIC, 0, 0, 0},
    {HYPERV_DIRECT_TIMERS, HV_ACCESS_TIMERS, HV_HAS_DIRECT_TIMERS, 0, HYPERV_COUNTER},
    {HYPERV_TIMERS, HV_ACCESS_TIMERS, 0, 0, HYPERV_COUNTER | HYPERV_SYNIC},
    {HYPERV_ASSIST_PAGE, HV_ACCESS_APIC, 0, 0, 0},
    {HYPERV_EOI_MSR, HV_ACCESS_APIC, 0, HV_HINT_APIC_MSRS, 0},
    {HYPERV_RATES, HV_ACCESS_RATES, HV_HAS_RATES, 0, 0},
    {HYPERV_CRASH, 0, HV_HAS_CRASH, 0, 0},
    {HYPERV_RESET, HV_ACCESS_RESET, 0, 0, 0},
    {HYPERV_FLUSH, 0, 0, HV_HINT_FLUSH, HYPERV_HYPERCALLS | HYPERV_VP_INDEX},
    {HYPERV_IPI, 0, 0, HV_HINT_IPI, HYPERV_HYPERCALLS | HYPERV_VP_INDEX},
    {HYPERV_SETS, 0, 0, HV_HINT_SETS, HYPERV_HYPERCALLS | HYPERV_VP_INDEX},
};

/*
 * Return Hyper-V's leaves. By the TLFS the interface's name decides, not the vendor's, and a
 * largest leaf below HV_LEAF_LEAST does not conform: nothing is offered then. No leaf above that
 * one is read, so a maximum that is too large does no harm.
 */
static inline struct hyperv_leaves hyperv_find_leaves(struct cpuid_regs (*read)(u32 leaf,
                                                                                u32 subleaf))
{
    struct hyperv_leaves found = {0};
    struct cpuid_regs r;

    if (read(HV_LEAF_INTERFACE, 0).eax != HV_INTERFACE)
        return found;
    found.present = true;
    if (read(HV_LEAF_VENDOR, 0).eax < HV_LEAF_LEAST)
        return found;
    r = read(HV_LEAF_FEATURES, 0);
    found.hints = read(HV_LEAF_HINTS, 0).eax;
    for (u32 i = 0; i < ARRAY_SIZE(hyperv_needs); i++) {
        const struct hyperv_need *need = &hyperv_needs[i];

        if ((r.eax & need->access) == need->access && (r.edx & need->has) == need->has &&
            (found.hints & need->hint) == need->hint &&
            (found.features & need->others) == need->others)
            found.features |= need->feature;
    }
    return found;
}

#endif
