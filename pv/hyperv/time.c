/* SPDX-License-Identifier: MIT */
/*
 * Time on Hyper-V. clock_ns is the reference time of the partition, which the hypervisor counts in
 * units of 100 ns: a linear function of the TSC, whose parameters are in the reference TSC page
 * (clock.h), or an MSR where the page is not offered, or is not valid at the moment. The function
 * is evaluated to the nanosecond. monotonic() hides that the MSR's value is rounded.
 */
#include "lib/address_map.h"
#include "pv/hyperv/clock.h"
#include "pv/hyperv/hyperv.h"
#include "pv/native/io.h"
#include "pv/native/native.h"

/* Written: by time_init, on one CPU, and when the machine ends. */
static bool have_clock, have_page;

static u64 last_ns; /* Atomic: monotonic() exchanges it */

/* The reference TSC page. Written: by the hypervisor, while it has the page. */
static union {
    struct hv_tsc_page page;
    u8 whole[PAGE_SIZE];
} tsc __aligned(PAGE_SIZE);

/* Read the TSC after all earlier loads, another CPU's reading among them (SDM vol. 2, RDTSC). */
static u64 tsc_in_order(void)
{
    __asm__ volatile("lfence" ::: "memory");
    return rdtsc();
}

u64 hyperv_clock_ns(void)
{
    u64 ns;

    if (!have_clock)
        return native_clock_ns();
    if (!have_page || !hv_page_ns(&tsc.page, tsc_in_order, &ns)) {
        hyperv_note_use(HYPERV_USED_COUNTER);
        ns = rdmsr(MSR_HV_COUNTER) * HV_TICK_NS;
    }
    return monotonic(&last_ns, ns);
}

bool hyperv_has_clock(void)
{
    return have_clock;
}

static void enable_clock(void)
{
    const u64 pa = (u64)&tsc - VIRT_BASE;
    u64 now;

    have_clock = hyperv_offers(HYPERV_COUNTER) &&
                 hyperv_get_msr(MSR_HV_COUNTER, &now, HYPERV_COUNTER, "a reference counter");
    have_page =
        have_clock && hyperv_offers(HYPERV_TSC_PAGE) &&
        hyperv_set_msr(MSR_HV_TSC_PAGE, pa | HV_ENABLED, HYPERV_TSC_PAGE, "a reference TSC page");
}

/* From now on clock_ns reads the counter. Context: no other CPU reads the clock. */
void hyperv_disable_clock(void)
{
    if (have_page)
        native_write_msr_safe(MSR_HV_TSC_PAGE, 0);
    have_page = false;
}

/* Have the native clock, by which the APIC's timer is armed, use the rates that are reported. */
static void set_rates(void)
{
    u64 tsc_hz, apic_hz;

    if (!hyperv_offers(HYPERV_RATES) ||
        !hyperv_get_msr(MSR_HV_TSC_HZ, &tsc_hz, HYPERV_RATES, "the TSC's rate") ||
        !hyperv_get_msr(MSR_HV_APIC_HZ, &apic_hz, HYPERV_RATES, "the APIC timer's rate"))
        return;
    if (apic_hz >> 32 || !native_set_rates(tsc_hz / 1000, (u32)apic_hz, "Hyper-V's MSRs"))
        pv_warn("Hyper-V reports %llu Hz for the TSC and %llu Hz for the APIC's timer, which "
                "cannot be: the rates are measured",
                (unsigned long long)tsc_hz, (unsigned long long)apic_hz);
}

static const char *hyperv_time_init(void)
{
    hyperv_enable_calls();
    hyperv_read_vp_index();
    hyperv_enable_assist();
    enable_clock();
    set_rates();
    return native_time_init();
}

static const char *hyperv_clock_source(void)
{
    if (!have_clock)
        return native_clock_source();
    return have_page ? "TSC, scaled as Hyper-V's reference page has it"
                     : "Hyper-V's reference counter";
}

const struct pv_time_ops hyperv_time_ops = {
    .time_init = hyperv_time_init,
    .clock_ns = hyperv_clock_ns,
    .clock_source = hyperv_clock_source,
    .timer_set = hyperv_timer_set,
    .timer_stop = hyperv_timer_stop,
    .steal_ns = native_steal_ns,
    .get_wallclock = native_get_wallclock,
    .set_wallclock = native_set_wallclock,
};
