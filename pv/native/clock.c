/* SPDX-License-Identifier: MIT */
/*
 * The native clock and timer.
 *
 * clock_ns is the time-stamp counter (TSC) since the boot's entry, times a factor. The TSC is a
 * register that counts at a constant rate on every CPU that this kernel is likely to meet, and
 * reading it costs one instruction. Its rate is not architectural. In this order:
 *
 * 1. A hypervisor reports it (native_set_rates), or CPUID: leaf 0x15 (Intel SDM vol. 3, section
 *    18.7.3), or the hypervisors' leaf 0x40000010.
 * 2. It is measured against a clock whose rate is known (refclock.c): both are read, some
 *    milliseconds pass, both are read again.
 * 3. The CPU's nominal frequency, or 1 GHz, is assumed, with a warning.
 *
 * Two things make a measurement wrong. The two clocks are not read at the same time, so each sample
 * is the closest of SAMPLES pairs, and both samples are taken where the other clock has just
 * ticked. And an emulator's or a hypervisor's host may stop this CPU in between: the other clock
 * may then wrap, so that too few of its ticks are counted, and never too many. So the measurement
 * with the fewest TSC ticks for each tick of the other clock is the best one, and it is believed
 * once a second one agrees.
 *
 * clock_ns never decreases, on any CPU: monotonic() (lib/scale.h) returns the latest value that any
 * CPU has read if the TSCs of two CPUs differ.
 *
 * The timer is the local APIC's, one for each CPU. With TSC deadlines the CPU compares the TSC with
 * an MSR. Without them the APIC counts down from a number, at a rate of its own, which a hypervisor
 * reports or which is measured against clock_ns; its counter has 32 bits, so a far deadline is
 * reached in steps.
 */
#include "lib/boot_info.h"
#include "lib/format.h"
#include "lib/scale.h"
#include "pv/native/apic.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/native/refclock.h"
#include "pv/native/vectors.h"

enum {
    CPUID_TSC = 0x15,
    CPUID_FREQUENCY = 0x16,
    CPUID_HYPERVISOR = 0x40000000,
    CPUID_HYPERVISOR_TIMING = 0x40000010,
    CPUID1_ECX_TSC_DEADLINE = 1 << 24,
    CPUID1_ECX_HYPERVISOR = 1u << 31,

    MSR_TSC_DEADLINE = 0x6e0,

    SAMPLES = 16,
    MEASUREMENTS_MAX = 8,
    MEASUREMENTS_AGREE = 200, /* two agree if they differ by less than 1/200 */
    ASSUMED_KHZ = 1000000,
};

#define MEASURE_NS             10000000ull
#define STILL_TICKS            (1ull << 34) /* seconds: a clock without a tick by then is stopped */
#define APIC_MEASURE_TICKS     (1u << 22)   /* 4 ms at 1 GHz */
#define FEMTOSECONDS_NS        1000000ull
#define TIMER_STEP_NS          (1ull << 40) /* keeps scale32 from overflowing */
#define TSC_KHZ_PLAUSIBLE(khz) ((khz) >= 10000 && (khz) < 100000000)
#define APIC_HZ_LEAST          1000000u

u64 native_read_tsc(void)
{
    return rdtsc();
}

static const struct reference_clock *reference; /* NULL if none was found. Written: at boot */

/* Written: by time_init, on one CPU. */
static u64 tsc_to_ns, ns_to_tsc; /* factors for scale32 */
static u64 ns_to_apic;           /* 0 if the APIC has TSC deadlines */
static char source_text[96];

/* What native_set_rates was given; by is NULL if it was not called. Written: before time_init. */
static struct {
    u64 tsc_khz;
    u32 apic_hz;
    const char *by;
} given;

static u64 last_ns; /* Atomic: monotonic() exchanges it */

static void set_tsc_rate(u64 ticks, u64 ns)
{
    tsc_to_ns = scale32_factor(ticks, ns);
    ns_to_tsc = scale32_factor(ns, ticks);
}

/* The same moment on the TSC and on another clock. width is the doubt about it, in TSC ticks. */
struct sample {
    u64 tsc, width;
    u32 other;
};

/* Read the other clock between two reads of the TSC, several times; return the closest. */
static struct sample take_sample(u32 (*read)(void))
{
    struct sample best = {.width = ~0ull};

    for (int i = 0; i < SAMPLES; i++) {
        const u64 before = rdtsc();
        const u32 other = read();
        const u64 width = rdtsc() - before;

        if (width < best.width)
            best = (struct sample){before + width / 2, width, other};
    }
    return best;
}

/*
 * Return how far both clocks advance while the other one counts the wanted number of ticks. All is
 * 0 if the other clock is stopped.
 */
static struct sample measure(u32 (*read)(void), u32 mask, u32 wanted)
{
    const u64 begin = rdtsc();
    const u32 before = read();
    struct sample first, last;

    while (read() == before && rdtsc() - begin < STILL_TICKS)
        barrier();
    first = take_sample(read);
    while (((read() - first.other) & mask) < wanted)
        if (rdtsc() - begin > STILL_TICKS)
            return (struct sample){0};
    last = take_sample(read);
    return (struct sample){last.tsc - first.tsc, first.width + last.width,
                           (last.other - first.other) & mask};
}

/* Return the TSC's ticks in 2^20 of the other clock's. */
static u64 ratio(const struct sample *s)
{
    return s->other ? (s->tsc << 20) / s->other : ~0ull;
}

/*
 * Measure until two measurements agree, and return the one with the smallest ratio. One is enough
 * for a clock whose tick is longer than a measurement (the RTC's second), because it does not wrap.
 */
static struct sample measure_well(const struct reference_clock *clock)
{
    const u64 wanted = MEASURE_NS * FEMTOSECONDS_NS / clock->femtoseconds;
    struct sample best = measure(clock->read, clock->mask, (u32)MAX(wanted, 1));

    for (u32 i = 1; i < MEASUREMENTS_MAX && wanted; i++) {
        const struct sample s = measure(clock->read, clock->mask, (u32)wanted);
        const u64 a = ratio(&s), b = ratio(&best);

        if (a < b)
            best = s;
        if (MAX(a, b) - MIN(a, b) <= b / MEASUREMENTS_AGREE)
            break;
    }
    return best;
}

static bool measure_tsc(void)
{
    const struct sample s = measure_well(reference);
    u64 ticks = s.tsc, ns = (u64)s.other * reference->femtoseconds / FEMTOSECONDS_NS;

    if (!s.other)
        return false;
    for (; ticks >> 32; ticks /= 2) /* scale32_factor() takes 32 bits */
        ns /= 2;
    set_tsc_rate(ticks, ns);
    ksnprintf(source_text, sizeof(source_text), "TSC, %llu kHz, measured against %s to %llu ppm",
              (unsigned long long)(ns_to_tsc * 1000000 >> 32), reference->name,
              (unsigned long long)(s.width * 1000000 / s.tsc));
    return true;
}

bool native_set_rates(u64 tsc_khz, u32 apic_hz, const char *by)
{
    if (!TSC_KHZ_PLAUSIBLE(tsc_khz) || apic_hz < APIC_HZ_LEAST)
        return false;
    given.tsc_khz = tsc_khz;
    given.apic_hz = apic_hz;
    given.by = by;
    return true;
}

static u64 khz_by_cpuid(void)
{
    const struct cpuid_regs r = cpuid(CPUID_TSC, 0);
    u32 max = cpuid(0, 0).eax;

    if (max >= CPUID_TSC && r.eax && (u64)r.ecx * r.ebx / r.eax >= 1000)
        return (u64)r.ecx * r.ebx / r.eax / 1000;
    max = cpuid(CPUID_HYPERVISOR, 0).eax;
    if (cpuid(1, 0).ecx & CPUID1_ECX_HYPERVISOR && max >= CPUID_HYPERVISOR_TIMING &&
        max < CPUID_HYPERVISOR + 0x100)
        return cpuid(CPUID_HYPERVISOR_TIMING, 0).eax;
    return 0;
}

/* Use the rate that a hypervisor or CPUID reports. Return false if neither does. */
static bool set_reported_rate(void)
{
    const u64 khz = given.by ? given.tsc_khz : khz_by_cpuid();

    if (!TSC_KHZ_PLAUSIBLE(khz))
        return false;
    set_tsc_rate(khz, 1000000);
    ksnprintf(source_text, sizeof(source_text), "TSC, %llu kHz, by %s", (unsigned long long)khz,
              given.by ? given.by : "CPUID");
    return true;
}

/* Assume the CPU's nominal frequency, which is the rate of most TSCs or close to it. */
static void assume_rate(void)
{
    const u32 mhz = cpuid(0, 0).eax >= CPUID_FREQUENCY ? cpuid(CPUID_FREQUENCY, 0).eax & 0xffff : 0;
    const u64 khz = TSC_KHZ_PLAUSIBLE((u64)mhz * 1000) ? (u64)mhz * 1000 : ASSUMED_KHZ;

    set_tsc_rate(khz, 1000000);
    ksnprintf(source_text, sizeof(source_text), "TSC, %llu kHz, assumed", (unsigned long long)khz);
    pv_warn("no HPET, ACPI PM timer, PIT or RTC, and no TSC rate by CPUID: %llu kHz are assumed",
            (unsigned long long)khz);
}

u64 native_clock_ns(void)
{
    return monotonic(&last_ns, scale32(rdtsc() - boot_entry_tsc, tsc_to_ns));
}

/* Return a count that grows: the APIC's timer counts down. */
static u32 apic_count(void)
{
    return ~native_apic_get(APIC_TIMER_CURRENT);
}

/* Set the rate of the APIC's timer: as reported, or measured against the TSC, whose rate is set. */
static bool set_apic_rate(void)
{
    struct sample s;

    if (given.by) {
        ns_to_apic = scale32_factor(1000000000, given.apic_hz);
        return true;
    }
    native_apic_set(APIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
    native_apic_set(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    native_apic_set(APIC_TIMER_INITIAL, ~0u);
    s = measure(apic_count, ~0u, APIC_MEASURE_TICKS);
    native_apic_set(APIC_TIMER_INITIAL, 0);
    if (!s.other || !scale32(s.tsc, tsc_to_ns))
        return false;
    ns_to_apic = scale32_factor(scale32(s.tsc, tsc_to_ns), s.other);
    return true;
}

static void on_timer(struct trap_frame *frame)
{
    pv_apic_eoi();
    pv_callbacks->timer(frame);
}

void native_timer_stop(void)
{
    if (ns_to_apic)
        native_apic_set(APIC_TIMER_INITIAL, 0);
    else
        wrmsr(MSR_TSC_DEADLINE, 0);
}

/*
 * mfence: in xAPIC mode the CPU could execute native_timer_stop's write of the MSR before the write
 * of the LVT (Intel SDM vol. 3, section 11.5.4.1).
 */
void native_setup_boot_clock(void)
{
    native_set_vector_handler(VECTOR_TIMER, on_timer);
    native_apic_set(APIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
    native_apic_set(APIC_LVT_TIMER, VECTOR_TIMER | (ns_to_apic ? 0 : LVT_TIMER_TSC_DEADLINE));
    __asm__ volatile("mfence" ::: "memory");
    native_timer_stop();
}

void native_setup_secondary_clock(void)
{
    native_setup_boot_clock();
}

/*
 * If the deadline passes after the comparison, the count is still 1 or more, or the TSC value is in
 * the past: the timer fires at once.
 */
int native_timer_set(u64 deadline)
{
    const u64 now = native_clock_ns();
    u64 delta;

    if (deadline <= now) {
        native_timer_stop();
        return -ETIME;
    }
    delta = MIN(deadline - now, TIMER_STEP_NS);
    if (ns_to_apic)
        native_apic_set(APIC_TIMER_INITIAL,
                        (u32)MIN(scale32(delta, ns_to_apic) + 1, 0xffffffffull));
    else
        wrmsr(MSR_TSC_DEADLINE, ticks_after(rdtsc(), delta, ns_to_tsc));
    return 0;
}

u64 native_steal_ns(void)
{
    return 0; /* no hypervisor that this backend could ask */
}

/* Called by the op platform_init: where to look for clocks. */
void native_clock_acpi_init(const struct acpi_header *fadt)
{
    reference = native_reference_find(fadt);
}

const char *native_time_init(void)
{
    if (!set_reported_rate() && (!reference || !measure_tsc()))
        assume_rate();
    if (!(cpuid(1, 0).ecx & CPUID1_ECX_TSC_DEADLINE) && !set_apic_rate())
        return "the local APIC's timer does not count";
    pv_setup_boot_clock();
    return NULL;
}

const char *native_clock_source(void)
{
    return source_text;
}
