/* SPDX-License-Identifier: MIT */
/*
 * Time on KVM. clock_ns is KVM's system time, a linear function of the TSC, whose parameters are in
 * a record of each CPU (pvclock.h). If the record says that all CPUs' records are of one clock, a
 * reading of one CPU is not less than an earlier one of another; otherwise monotonic() sees to
 * that. The timer is the local APIC's: a deadline is armed by the native clock, as far ahead as it
 * is on this one.
 *
 * Two pairs of MSRs give KVM the address of the record and of the wall clock: the first versions of
 * KVM have numbers that are Intel's (0x11 and 0x12).
 */
#include "pv/kvm/kvm.h"
#include "pv/kvm/pvclock.h"
#include "lib/address_map.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/native/raw_lock.h"
#include "pv/wallclock.h"

#define APIC_TIMER_HZ 1000000000u  /* of KVM's local APIC */
#define TIMER_MOST_NS (1ull << 61) /* no sum with a time overflows */

/* Written: by time_init, on one CPU. */
static bool have_clock;

static u64 last_ns;                 /* Atomic: monotonic() exchanges it */
static u64 last_steal[PV_CPUS_MAX]; /* Atomic: the same */

/* Where KVM writes the wall clock. Guarded by: wall_busy. */
static struct pvclock_wall wall __aligned(16);
static bool wall_busy; /* Atomic: a raw_lock */

/* Read the TSC after all earlier loads, another CPU's reading among them (SDM vol. 2, RDTSC). */
static u64 tsc_in_order(void)
{
    __asm__ volatile("lfence" ::: "memory");
    return rdtsc();
}

/* A CPU that has no record, because it is starting or leaving, reads that of CPU 0. */
static const struct pvclock_time *record_of_this_cpu(void)
{
    const u32 cpu = pv_this_cpu();

    return &kvm_records[kvm_writes(cpu, KVM_FEATURE_CLOCKSOURCE2) ? cpu : 0].time;
}

/* Interrupts are disabled in between, because a thread that migrates changes its CPU's record. */
u64 kvm_clock_ns(void)
{
    u64 flags, ns;
    u8 of_record;

    if (!have_clock)
        return native_clock_ns();
    flags = irq_save();
    ns = pvclock_ns(record_of_this_cpu(), tsc_in_order, &of_record);
    irq_restore(flags);
    if (of_record & PVCLOCK_TSC_STABLE && kvm_offers(KVM_FEATURE_CLOCK_STABLE))
        return ns;
    return monotonic(&last_ns, ns);
}

static int kvm_timer_set(u64 deadline)
{
    const u64 now = kvm_clock_ns();

    if (!have_clock)
        return native_timer_set(deadline);
    if (deadline > now)
        return native_timer_set(native_clock_ns() + MIN(deadline - now, TIMER_MOST_NS));
    native_timer_stop();
    return -ETIME;
}

/* KVM continues to count in the record where it was when it gets it again. */
u64 kvm_steal_ns(void)
{
    const u32 cpu = pv_this_cpu();

    return monotonic(&last_steal[cpu], pvclock_steal_ns(&kvm_records[cpu].steal));
}

static int kvm_get_wallclock(u64 *ns)
{
    u64 flags, at_zero;
    bool written;

    if (!have_clock)
        return native_get_wallclock(ns);
    flags = raw_lock(&wall_busy);
    written = !native_write_msr_safe(kvm_clock_msrs()->wall, (u64)&wall - VIRT_BASE);
    at_zero = pvclock_wall_ns(&wall);
    raw_unlock(&wall_busy, flags);
    if (!written || !wallclock_valid(at_zero))
        return native_get_wallclock(ns);
    *ns = at_zero + kvm_clock_ns();
    return 0;
}

/* KVM's wall clock is the host's, which no guest sets; and an RTC would not change it. */
static int kvm_set_wallclock(u64 ns)
{
    if (!have_clock)
        return native_set_wallclock(ns);
    return wallclock_valid(ns) ? -EPERM : -EINVAL;
}

static const char *kvm_time_init(void)
{
    const struct pvclock_time *t = &kvm_records[pv_this_cpu()].time;

    kvm_page_faults_init();
    kvm_enable_records();
    kvm_hypercalls_init();
    have_clock = kvm_writes(pv_this_cpu(), KVM_FEATURE_CLOCKSOURCE2);
    if (have_clock && !native_set_rates(pvclock_tsc_khz(t), APIC_TIMER_HZ, "KVM's clock")) {
        pv_warn("KVM's clock reports %llu kHz for the TSC, which cannot be: it is not used",
                (unsigned long long)pvclock_tsc_khz(t));
        have_clock = false;
    }
    return native_time_init();
}

static const char *kvm_clock_source(void)
{
    return have_clock ? "KVM's system time, TSC scaled as its record says" : native_clock_source();
}

const struct pv_time_ops kvm_time_ops = {
    .time_init = kvm_time_init,
    .clock_ns = kvm_clock_ns,
    .clock_source = kvm_clock_source,
    .timer_set = kvm_timer_set,
    .timer_stop = native_timer_stop,
    .steal_ns = kvm_steal_ns,
    .get_wallclock = kvm_get_wallclock,
    .set_wallclock = kvm_set_wallclock,
};
