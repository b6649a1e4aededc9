/* SPDX-License-Identifier: MIT */
/*
 * The features that KVM offers, and the records that it writes for each CPU.
 *
 * A record is memory of this kernel that KVM writes whenever it likes. So a CPU gives its records
 * when it starts, and takes them back before it goes offline, before a reset and before the machine
 * ends: what runs in that memory next would be overwritten. An INIT takes them back as well.
 *
 * KVM may offer a feature and refuse its MSR by #GP, as one does whose owner filters MSRs. That
 * feature is then not used, with a warning, and its ops are the native ones.
 */
#include "pv/kvm/kvm.h"
#include "lib/address_map.h"
#include "pv/kvm/leaves.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/native/vectors.h"

#define CPUID1_ECX_HYPERVISOR (1u << 31)

struct kvm_records kvm_records[PV_CPUS_MAX]; /* Per CPU: KVM writes, others read */

/* Atomic: read at boot; a CPU clears the bits of what KVM refuses. */
static u32 offered;

static bool has_new_clock; /* Written: by kvm_find */

/* Per CPU: the features whose records KVM writes. A CPU that starts another clears that one's. */
static u32 given[PV_CPUS_MAX];

bool kvm_find(void)
{
    struct kvm_leaves found = {0};

    if (cpuid(1, 0).ecx & CPUID1_ECX_HYPERVISOR)
        found = kvm_find_leaves(cpuid);
    offered = found.features;
    has_new_clock = offered & KVM_FEATURE_CLOCKSOURCE2;
    /* Where nothing preempts a CPU, waiting by halts and flushes by records only cost. */
    if (found.hints & KVM_HINTS_REALTIME)
        offered &= ~(KVM_FEATURE_PV_UNHALT | KVM_FEATURE_PV_TLB_FLUSH);
    if (~offered & KVM_FEATURE_ASYNC_PF)
        offered &= ~KVM_FEATURE_ASYNC_PF_INT;
    return found.base;
}

const struct kvm_clock_msrs *kvm_clock_msrs(void)
{
    static const struct kvm_clock_msrs first = {MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME};
    static const struct kvm_clock_msrs second = {MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW};

    return has_new_clock ? &second : &first;
}

bool kvm_offers(u32 features)
{
    return (READ_ONCE(offered) & features) == features;
}

void kvm_refused(u32 features, const char *what)
{
    __atomic_fetch_and(&offered, ~features, __ATOMIC_SEQ_CST);
    pv_warn("KVM offers %s and refuses it: it is not used", what);
}

bool kvm_set_msr(u32 msr, u64 value, u32 features, const char *what)
{
    if (!native_write_msr_safe(msr, value))
        return true;
    kvm_refused(features, what);
    return false;
}

bool kvm_writes(u32 cpu, u32 feature)
{
    return READ_ONCE(given[cpu]) & feature;
}

#define PAGE_FAULTS "asynchronous page faults"

/* The records, each with its feature. */
static const struct record {
    u32 feature;
    const char *name;
    u32 offset;
    u32 bits; /* of its MSR, besides the address */
} records[] = {
    {KVM_FEATURE_CLOCKSOURCE2, "its clock", offsetof(struct kvm_records, time), KVM_MSR_ENABLED},
    {KVM_FEATURE_STEAL_TIME, "steal time", offsetof(struct kvm_records, steal), KVM_MSR_ENABLED},
    {KVM_FEATURE_PV_EOI, "EOI without an exit", offsetof(struct kvm_records, eoi), KVM_MSR_ENABLED},
    {KVM_FEATURE_ASYNC_PF_INT, PAGE_FAULTS, offsetof(struct kvm_records, page_fault),
     KVM_MSR_ENABLED | KVM_ASYNC_PF_IN_KERNEL | KVM_ASYNC_PF_BY_INTERRUPT},
};

static u32 msr_of(u32 feature)
{
    switch (feature) {
    case KVM_FEATURE_CLOCKSOURCE2:
        return kvm_clock_msrs()->time;
    case KVM_FEATURE_STEAL_TIME:
        return MSR_KVM_STEAL_TIME;
    case KVM_FEATURE_ASYNC_PF_INT:
        return MSR_KVM_ASYNC_PF_EN;
    default:
        return MSR_KVM_PV_EOI_EN;
    }
}

/* The clock is the same by either pair of MSRs. */
static bool is_offered(u32 feature)
{
    return kvm_offers(feature) ||
           (feature == KVM_FEATURE_CLOCKSOURCE2 && kvm_offers(KVM_FEATURE_CLOCKSOURCE));
}

static u32 to_refuse(u32 feature)
{
    if (feature == KVM_FEATURE_CLOCKSOURCE2)
        return KVM_FEATURE_CLOCKSOURCE2 | KVM_FEATURE_CLOCKSOURCE;
    return feature == KVM_FEATURE_STEAL_TIME ? feature | KVM_FEATURE_PV_TLB_FLUSH : feature;
}

void kvm_enable_records(void)
{
    const u32 cpu = pv_this_cpu();
    const u64 pa = (u64)&kvm_records[cpu] - VIRT_BASE;

    WRITE_ONCE(kvm_records[cpu].steal.preempted, 0);
    kvm_records[cpu].eoi = 0;
    kvm_records[cpu].page_fault = (struct kvm_page_fault){0};
    if (kvm_offers(KVM_FEATURE_ASYNC_PF_INT))
        kvm_set_msr(MSR_KVM_ASYNC_PF_INT, VECTOR_PAGE_READY, KVM_FEATURE_ASYNC_PF_INT, PAGE_FAULTS);
    for (u32 i = 0; i < ARRAY_SIZE(records); i++) {
        const struct record *r = &records[i];

        if (is_offered(r->feature) && kvm_set_msr(msr_of(r->feature), pa + r->offset + r->bits,
                                                  to_refuse(r->feature), r->name))
            WRITE_ONCE(given[cpu], given[cpu] | r->feature);
    }
    if (kvm_offers(KVM_FEATURE_POLL_CONTROL))
        kvm_set_msr(MSR_KVM_POLL_CONTROL, KVM_POLL_BY_HOST, KVM_FEATURE_POLL_CONTROL,
                    "control of its polling");
}

void kvm_disable_records(void)
{
    const u32 cpu = pv_this_cpu(), mine = given[cpu];

    WRITE_ONCE(given[cpu], 0);
    for (u32 i = 0; i < ARRAY_SIZE(records); i++)
        if (mine & records[i].feature)
            native_write_msr_safe(msr_of(records[i].feature), 0);
    WRITE_ONCE(kvm_records[cpu].steal.preempted, 0);
    kvm_page_faults_end(cpu);
}

void kvm_forget_records(u32 cpu)
{
    WRITE_ONCE(given[cpu], 0);
    kvm_page_faults_end(cpu);
}
