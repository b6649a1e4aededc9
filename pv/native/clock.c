/*
 * The native clock and timer: nanoseconds are TSC ticks times a factor, the one-shot timer is the
 * local APIC's. How fast the TSC runs is told by CPUID (Intel SDM vol. 3, section 18.7.3; leaf
 * 0x40000010 of hypervisors), or else measured against a clock whose frequency is known.
 */
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
    MEASUREMENTS_AGREE = 200, /* to a part of this */
    ASSUMED_KHZ = 1000000,
};

#define MEASURE_NS             10000000ull
#define STILL_TICKS            (1ull << 34) /* seconds: a clock that has not moved by then does not */
#define APIC_MEASURE_TICKS     (1u << 22)   /* 4 ms at 1 GHz */
#define FEMTOSECONDS_NS        1000000ull
#define TIMER_STEP_NS          (1ull << 40) /* keeps scale32 from overflowing */
#define TSC_KHZ_PLAUSIBLE(khz) ((khz) >= 10000 && (khz) < 100000000)

u64 native_read_tsc(void)
{
    return rdtsc();
}

static const struct reference_clock *reference; /* NULL: there is none. Written: at boot */

/* Written: by time_init, on one CPU. */
static u64 tsc_to_ns, ns_to_tsc; /* factors for scale32 */
static u64 ns_to_apic;           /* 0: the APIC has TSC deadlines */
static char source_text[96];

static u64 last_ns; /* Atomic: monotonic() exchanges it */

extern u64 boot_entry_tsc; /* clock_ns is 0 there */

static void set_tsc_rate(u64 ticks, u64 ns)
{
    tsc_to_ns = scale32_factor(ticks, ns);
    ns_to_tsc = scale32_factor(ns, ticks);
}

/* The same moment on the TSC and on another clock: the reading whose two TSC values lie closest
 * together. */
struct sample {
    u64 tsc, width;
    u32 other;
};

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
 * How far both clocks come while the other one counts as many ticks as are wanted. Both samples are
 * taken where the other clock has just moved. Zero if it stands still.
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

/* TSC ticks in 2^20 of the other clock's. */
static u64 ratio(const struct sample *s)
{
    return s->other ? (s->tsc << 20) / s->other : ~0ull;
}

/*
 * A host that stops this CPU may make the other clock wrap and seem to count too few ticks, never
 * too many. So the smallest ratio is the best one, and a second measurement that agrees confirms
 * it. A clock whose tick is longer than a measurement does not wrap, and one tick has to do.
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

static bool cpuid_tells(void)
{
    const u64 khz = khz_by_cpuid();

    if (!TSC_KHZ_PLAUSIBLE(khz))
        return false;
    set_tsc_rate(khz, 1000000);
    ksnprintf(source_text, sizeof(source_text), "TSC, %llu kHz, by CPUID", (unsigned long long)khz);
    return true;
}

/* The rate at which the CPU is sold: the TSC's in most CPUs, or near to it. */
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

/* The APIC's timer counts down. */
static u32 apic_count(void)
{
    return ~native_apic_get(APIC_TIMER_CURRENT);
}

/* At a rate of its own: measured on the clock that works by now. */
static bool measure_apic_timer(void)
{
    struct sample s;

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
    native_apic_eoi();
    pv_callbacks->timer(frame);
}

void native_timer_stop(void)
{
    if (ns_to_apic)
        native_apic_set(APIC_TIMER_INITIAL, 0);
    else
        wrmsr(MSR_TSC_DEADLINE, 0);
}

/* In xAPIC mode a write of the MSR could overtake that of the LVT (section 11.5.4.1). */
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

/* A deadline that passes in between has still a count of 1, or a TSC value in the past: it comes at
 * once. */
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
    if (!cpuid_tells() && (!reference || !measure_tsc()))
        assume_rate();
    if (!(cpuid(1, 0).ecx & CPUID1_ECX_TSC_DEADLINE) && !measure_apic_timer())
        return "the local APIC's timer does not count";
    pv_setup_boot_clock();
    return NULL;
}

const char *native_clock_source(void)
{
    return source_text;
}
