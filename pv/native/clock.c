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
#include "pv/native/reference.h"
#include "pv/native/vectors.h"

enum {
    CPUID_TSC = 0x15,
    CPUID_HYPERVISOR = 0x40000000,
    CPUID_HYPERVISOR_TIMING = 0x40000010,
    CPUID1_ECX_TSC_DEADLINE = 1 << 24,
    CPUID1_ECX_HYPERVISOR = 1u << 31,

    MSR_TSC_DEADLINE = 0x6e0,

    SAMPLES = 16,
};

#define MEASURE_NS             20000000ull
#define APIC_MEASURE_NS        5000000ull
#define FEMTOSECONDS_NS        1000000ull
#define TIMER_STEP_NS          (1ull << 40) /* keeps scale32 from overflowing */
#define RATE_TICKS_MAX         (1ull << 32) /* what scale32_factor takes */
#define TSC_KHZ_PLAUSIBLE(khz) ((khz) >= 10000 && (khz) < 100000000)

u64 native_read_tsc(void)
{
    return rdtsc();
}

static struct reference_clock reference;
static bool have_reference;

static u64 tsc_base;             /* clock_ns is 0 here: the entry of the kernel */
static u64 tsc_to_ns, ns_to_tsc; /* factors for scale32 */
static u64 ns_to_apic;           /* 0: the APIC has TSC deadlines */
static u64 last_ns;
static char source_text[96];

extern u64 boot_entry_tsc;

static void set_tsc_rate(u64 ticks, u64 ns)
{
    tsc_to_ns = scale32_factor(ticks, ns);
    ns_to_tsc = scale32_factor(ns, ticks);
    tsc_base = boot_entry_tsc;
}

/* The same moment on the TSC and on another clock: the reading whose two TSC values lie closest
 * together. */
struct sample {
    u64 tsc, other, width;
};

static struct sample take_sample(u64 (*read)(void))
{
    struct sample best = {.width = ~0ull};

    for (int i = 0; i < SAMPLES; i++) {
        const u64 before = rdtsc(), other = read(), after = rdtsc();

        if (after - before < best.width)
            best = (struct sample){before + (after - before) / 2, other, after - before};
    }
    return best;
}

static u64 tsc_khz(void)
{
    return ns_to_tsc * 1000000 >> 32;
}

static void measure_tsc(void)
{
    const struct sample first = take_sample(reference.read);
    const u64 wanted = MEASURE_NS * FEMTOSECONDS_NS / reference.femtoseconds;
    struct sample last;
    u64 ticks, ns;

    while (((reference.read() - first.other) & reference.mask) < wanted)
        barrier();
    last = take_sample(reference.read);
    ticks = last.tsc - first.tsc;
    ns = ((last.other - first.other) & reference.mask) * reference.femtoseconds / FEMTOSECONDS_NS;
    set_tsc_rate(ticks, ns);
    ksnprintf(source_text, sizeof(source_text), "TSC, %llu kHz, measured against %s to %llu ppm",
              (unsigned long long)tsc_khz(), reference.name,
              (unsigned long long)((first.width + last.width) * 1000000 / ticks));
}

static bool cpuid_tells(void)
{
    const u32 max = cpuid(0, 0).eax;
    u64 khz = 0;

    if (max >= CPUID_TSC) {
        const struct cpuid_regs r = cpuid(CPUID_TSC, 0);

        khz = r.eax && r.ebx ? (u64)r.ecx * r.ebx / r.eax / 1000 : 0;
    }
    if (!khz && cpuid(1, 0).ecx & CPUID1_ECX_HYPERVISOR &&
        cpuid(CPUID_HYPERVISOR, 0).eax >= CPUID_HYPERVISOR_TIMING &&
        cpuid(CPUID_HYPERVISOR, 0).eax < CPUID_HYPERVISOR + 0x100)
        khz = cpuid(CPUID_HYPERVISOR_TIMING, 0).eax;
    if (!TSC_KHZ_PLAUSIBLE(khz))
        return false;
    set_tsc_rate(khz, 1000000);
    ksnprintf(source_text, sizeof(source_text), "TSC, %llu kHz, by CPUID", (unsigned long long)khz);
    return true;
}

u64 native_clock_ns(void)
{
    return monotonic(&last_ns, scale32(rdtsc() - tsc_base, tsc_to_ns));
}

static u64 apic_count(void)
{
    return native_apic_get(APIC_TIMER_CURRENT);
}

/* The APIC's timer counts down at a rate of its own: measured on the clock that works by now. */
static void measure_apic_timer(void)
{
    struct sample first, last;

    native_apic_set(APIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
    native_apic_set(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    native_apic_set(APIC_TIMER_INITIAL, 0xffffffff);
    first = take_sample(apic_count);
    while (scale32(rdtsc() - first.tsc, tsc_to_ns) < APIC_MEASURE_NS)
        barrier();
    last = take_sample(apic_count);
    native_apic_set(APIC_TIMER_INITIAL, 0);
    ns_to_apic = scale32_factor(scale32(last.tsc - first.tsc, tsc_to_ns), first.other - last.other);
}

static void on_timer(struct trap_frame *frame)
{
    native_apic_eoi();
    pv_upcalls->timer(frame);
}

static void native_timer_stop(void)
{
    if (ns_to_apic)
        native_apic_set(APIC_TIMER_INITIAL, 0);
    else
        wrmsr(MSR_TSC_DEADLINE, 0);
}

/* In xAPIC mode a write of the MSR could overtake that of the LVT (section 11.5.4.1). */
void native_setup_clock(void)
{
    native_own_vector(VECTOR_TIMER, on_timer);
    native_apic_set(APIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
    native_apic_set(APIC_LVT_TIMER, VECTOR_TIMER | (ns_to_apic ? 0 : LVT_TIMER_TSC_DEADLINE));
    __asm__ volatile("mfence" ::: "memory");
    native_timer_stop();
}

/* A deadline that passes in between has still a count of 1, or a TSC value in the past: it comes at
 * once. */
static int native_timer_set(u64 deadline)
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
        wrmsr(MSR_TSC_DEADLINE, tsc_base + scale32(now + delta, ns_to_tsc) + 1);
    return 0;
}

/* Called by the op platform_init: where to look for clocks. */
void native_clock_learn(const struct acpi_header *hpet, const struct acpi_header *fadt)
{
    have_reference = native_reference_find(hpet, fadt, &reference);
}

static const char *native_time_init(void)
{
    if (!cpuid_tells()) {
        if (!have_reference)
            return "no clock of known frequency: no HPET, no ACPI PM timer, no PIT";
        measure_tsc();
    }
    if (!(cpuid(1, 0).ecx & CPUID1_ECX_TSC_DEADLINE))
        measure_apic_timer();
    pv_setup_boot_clock();
    return NULL;
}

static const char *native_clock_source(void)
{
    return source_text;
}

static u64 native_steal_ns(void)
{
    return 0;
}

const struct pv_time_ops native_time_ops = {
    .time_init = native_time_init,
    .clock_ns = native_clock_ns,
    .clock_source = native_clock_source,
    .timer_set = native_timer_set,
    .timer_stop = native_timer_stop,
    .steal_ns = native_steal_ns,
    .get_wallclock = native_get_wallclock,
    .set_wallclock = native_set_wallclock,
};

const struct pv_apic_ops native_apic_ops = {
    .apic_read = native_apic_read,
    .apic_write = native_apic_write,
    .apic_eoi = native_apic_eoi,
    .apic_icr = native_apic_icr,
    .setup_boot_clock = native_setup_clock,
    .setup_secondary_clock = native_setup_clock,
    .startup_ipi_hook = native_startup_ipi_hook,
};
