/* SPDX-License-Identifier: MIT */
/* What the files of the KVM backend share. */
#ifndef PV_KVM_KVM_H
#define PV_KVM_KVM_H

#include "pv/kvm/abi.h"
#include "pv/pv.h"

/*
 * What KVM writes of a CPU, and may write until the CPU takes it back. Aligned, so that no record
 * crosses a page.
 */
struct kvm_records {
    struct kvm_steal_time steal;
    struct kvm_page_fault page_fault;
    struct pvclock_time time;
    u32 eoi; /* bit 0: the interrupt in service needs no EOI */
} __aligned(128);

extern struct kvm_records kvm_records[PV_CPUS_MAX];

/* records.c */

/* Return whether KVM is there, by CPUID; read what it offers. */
bool kvm_find(void);
/* Return whether KVM offers all of these features, and has refused none. */
bool kvm_offers(u32 features);
/* Stop using features that KVM has refused, with a warning that names what. */
void kvm_refused(u32 features, const char *what);
/* Write an MSR of a feature. If KVM refuses it, stop using the feature, and return false. */
bool kvm_set_msr(u32 msr, u64 value, u32 features, const char *what);
/* Give this CPU's records to KVM, or take them back. */
void kvm_enable_records(void);
void kvm_disable_records(void);
/* Forget that a CPU has given records: an INIT has taken them from KVM. */
void kvm_forget_records(u32 cpu);
/* Return whether KVM writes the record of this feature for a CPU. */
bool kvm_writes(u32 cpu, u32 feature);

/* Return the numbers of the MSRs of the clock. */
const struct kvm_clock_msrs {
    u32 wall, time;
} * kvm_clock_msrs(void);

/* time.c */
u64 kvm_clock_ns(void);
u64 kvm_steal_ns(void);

/* async_pf.c */

/* Handle pages that the host fetches, if KVM offers that. Call before the records are given. */
void kvm_page_faults_init(void);
/* End the waits for all pages that a CPU has touched. */
void kvm_page_faults_end(u32 cpu);
extern u64 kvm_page_waits[PV_CPUS_MAX]; /* by the CPU that touched a page, for tests */
extern u64 kvm_page_halts[PV_CPUS_MAX]; /* of a CPU in these waits, for tests */

/* cpus.c */
void kvm_hypercalls_init(void);
extern u64 kvm_flushes_by_host; /* how many CPUs were left to KVM to flush, for tests */

extern const struct pv_time_ops kvm_time_ops;
extern const struct pv_lock_ops kvm_lock_ops;
extern const struct pv_smp_ops kvm_smp_ops;
extern const struct pv_host_ops kvm_host_ops;

#endif
