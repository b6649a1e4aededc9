/* SPDX-License-Identifier: MIT */
/* What the files of the Hyper-V backend share. */
#ifndef PV_HYPERV_HYPERV_H
#define PV_HYPERV_HYPERV_H

#include "pv/hyperv/leaves.h"
#include "pv/pv.h"

/* How often features were used, for tests. Atomic: added to by atomic instructions. */
enum hyperv_use {
    HYPERV_USED_FLUSH, /* hypercalls that flushed */
    HYPERV_USED_IPI,   /* hypercalls that sent an IPI */
    HYPERV_USED_SETS,  /* those of the two above that had a sparse set */
    HYPERV_USED_TIMER,
    HYPERV_USED_MESSAGE, /* messages of a timer */
    HYPERV_USED_COUNTER,
    HYPERV_USED_EOI_MSR,
    HYPERV_NR_USES,
};
extern u64 hyperv_used[HYPERV_NR_USES];
void hyperv_note_use(enum hyperv_use use);

/* features.c */

/* Return whether the interface is there, by CPUID; read what it offers. */
bool hyperv_find(void);
/* Return whether all of these features are offered, and none was refused. */
bool hyperv_offers(u32 features);
/* Stop using features that were refused, and those that need them; warn, naming what. */
void hyperv_refused(u32 features, const char *what);
/* Access an MSR of a feature. If it is refused, stop using the feature, and return false. */
bool hyperv_set_msr(u32 msr, u64 value, u32 feature, const char *what);
bool hyperv_get_msr(u32 msr, u64 *value, u32 feature, const char *what);

/* pages.c: the pages of each CPU that the hypervisor writes. */

/* Take the pages from the memory map. Context: the op memory_map. */
void hyperv_take_pages(struct boot_info *info);
/* Return the physical address of a CPU's message page; 0 if it has none. */
u64 hyperv_message_pa(u32 cpu);
/* Give this CPU's assist page to the hypervisor, or take it back. */
void hyperv_enable_assist(void);
void hyperv_disable_assist(void);
/* Return a CPU's assist page, or NULL if the hypervisor does not write one. */
volatile struct hv_assist_page *hyperv_assist(u32 cpu);
/* Forget what a CPU has given: it was stopped from outside. */
void hyperv_forget_assist(u32 cpu);
/* The op apic_eoi. */
void hyperv_apic_eoi(void);

/* calls.c */
extern u32 hyperv_vp_index[PV_CPUS_MAX];
void hyperv_enable_calls(void);
void hyperv_disable_calls(void);
/* Read this CPU's index, by which hypercalls name it. */
void hyperv_read_vp_index(void);
int hyperv_send_ipi(u32 cpu, enum pv_ipi kind);
extern const struct pv_host_ops hyperv_host_ops;

/* time.c */
u64 hyperv_clock_ns(void);
bool hyperv_has_clock(void);
void hyperv_disable_clock(void);
extern const struct pv_time_ops hyperv_time_ops;

/* timer.c: the synthetic timer of this CPU. */
void hyperv_setup_clock(void); /* setup_boot_clock and setup_secondary_clock */
int hyperv_timer_set(u64 deadline);
void hyperv_timer_stop(void);
void hyperv_disable_timer(void);
void hyperv_forget_timer(u32 cpu);
/* Return whether a CPU's timer is the synthetic one; in message mode, if messages is true. */
bool hyperv_timer_is_used(u32 cpu, bool messages);

#endif
