/* SPDX-License-Identifier: MIT */
/*
 * pv/native/clock.c and refclock.c on a PC whose rates are known: the TSC is measured against each
 * reference clock, alone and at every point where it can wrap, and the timer gets counts in the
 * local APIC's own rate.
 */
#include "fake_pc.h"

#include "lib/acpi.h"
#include "pv/native/apic.h"

/* ---- The machine --------------------------------------------------------------------------- */

enum { HPET, PM_TIMER, PIT, RTC, NONE };

#define HPET_PA          0xfed00000u
#define HPET_PERIOD_FS   10000000ull /* 100 MHz */
#define PM_PORT          0x608
#define STALL_NS         60000000ull /* longer than a full count of the PIT */
#define CPUID_1_DEADLINE (1u << 24)

static struct {
    int clock; /* the reference clock of this machine */
    u64 tsc_khz, apic_khz;
    u64 pit_start_ns;
    u32 pit_latch, pit_byte; /* the latched count, if any; the next byte to read */
    bool pit_latched;
    u8 cmos_index;
    u32 hpet_timer, hpet_config;
    u32 apic[0x400 / 4];
    u64 apic_start_ns;
    u64 deadline_msr;
    u32 max_leaf;
    struct cpuid_regs leaf1, leaf15;
    u64 stall_at_ns; /* the host stops the CPU at this time, and PIT interrupts are lost */
} pc;

static u64 ticks(u64 ns, u64 femtoseconds)
{
    return (u64)((unsigned __int128)ns * 1000000 / femtoseconds);
}

static u64 rdtsc(void)
{
    now_ns += NS_PER_TSC_READ;
    if (pc.stall_at_ns && now_ns >= pc.stall_at_ns) {
        now_ns += STALL_NS;
        pc.stall_at_ns = 0;
    }
    return (u64)((unsigned __int128)now_ns * pc.tsc_khz / 1000000);
}

static struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
    (void)subleaf;
    if (leaf == 0)
        return (struct cpuid_regs){.eax = pc.max_leaf};
    return leaf == 1 ? pc.leaf1 : leaf == 0x15 ? pc.leaf15 : (struct cpuid_regs){0};
}

static void wrmsr(u32 index, u64 value)
{
    CHECK_EQ(index, 0x6e0);
    pc.deadline_msr = value;
}

/* One timer, which the firmware has left enabled as the RTC's replacement. */
static u32 mmio_read32(u64 pa)
{
    now_ns += NS_PER_PORT_ACCESS;
    switch (pa - HPET_PA) {
    case 0:
        return 0x8086a001;
    case 4:
        return HPET_PERIOD_FS;
    case 0x10:
        return pc.hpet_config;
    case 0xf0:
        return pc.hpet_config & 1 ? (u32)ticks(now_ns, HPET_PERIOD_FS) : 0;
    case 0x100:
        return pc.hpet_timer;
    }
    fail_at(__FILE__, __LINE__, "register %#lx of the HPET is read", pa);
    return 0;
}

static void mmio_write32(u64 pa, u32 value)
{
    CHECK(pa == HPET_PA + 0x10 || pa == HPET_PA + 0x100);
    *(pa == HPET_PA + 0x10 ? &pc.hpet_config : &pc.hpet_timer) = value;
}

static u32 pit_count(void)
{
    return 0xffffu - (u32)(ticks(now_ns - pc.pit_start_ns, 838095345) & 0xffff);
}

/*
 * Return the low byte, then the high byte: of the latched count, or of a count that changes in
 * between.
 */
static u32 read_pit(void)
{
    const u32 count = pc.pit_latched ? pc.pit_latch : pit_count();
    const u32 byte = pc.pit_byte ? count >> 8 : count & 0xff;

    pc.pit_latched = pc.pit_latched && !pc.pit_byte;
    pc.pit_byte ^= 1;
    return byte;
}

/* Return the RTC's seconds, which must not be read during an update. */
static u32 read_rtc(void)
{
    const u64 second = now_ns / 1000000000 % 60;
    const u64 until_next = 1000000000 - now_ns % 1000000000;

    if (pc.cmos_index == 0x0a)
        return until_next <= 2228000 ? 0xa6 : 0x26; /* 244 us before the update begins */
    CHECK_EQ(pc.cmos_index, 0);
    return until_next <= 1984000 ? 0x5a : (u32)(second / 10 * 16 + second % 10);
}

static u32 port_read(u16 port)
{
    if (port == 0x61)
        return pc.clock == PIT ? 0 : 0xff;
    if (port == PM_PORT && pc.clock == PM_TIMER)
        return (u32)ticks(now_ns, 279365115) & 0xffffff;
    if (port == 0x42 && pc.clock == PIT)
        return read_pit();
    if (port == 0x71 && pc.clock == RTC)
        return read_rtc();
    return ~0u;
}

static void port_write(u16 port, u32 value)
{
    if (port == 0x43 && value == 0x80) {
        pc.pit_latched = true;
        pc.pit_latch = pit_count();
        pc.pit_byte = 0;
    } else if (port == 0x42) {
        pc.pit_start_ns = now_ns;
    } else if (port == 0x70) {
        pc.cmos_index = (u8)value;
    } else {
        CHECK(port != 0x71); /* the RTC must not be written */
    }
}

/* After a reset the divide register is 0, which divides by two. */
u32 native_apic_get(u32 offset)
{
    const u32 initial = pc.apic[APIC_TIMER_INITIAL / 4];
    const u64 rate =
        pc.apic[APIC_TIMER_DIVIDE / 4] == TIMER_DIVIDE_BY_1 ? pc.apic_khz : pc.apic_khz / 2;
    u64 gone;

    now_ns += NS_PER_PORT_ACCESS;
    if (offset != APIC_TIMER_CURRENT)
        return pc.apic[offset / 4];
    gone = (now_ns - pc.apic_start_ns) * rate / 1000000;
    return gone < initial ? initial - (u32)gone : 0;
}

void native_apic_set(u32 offset, u32 value)
{
    pc.apic[offset / 4] = value;
    if (offset == APIC_TIMER_INITIAL)
        pc.apic_start_ns = now_ns;
}

u64 boot_entry_tsc;

bool native_add_registers(struct boot_info *info, const char *what, u64 pa);
bool native_add_registers(struct boot_info *info, const char *what, u64 pa)
{
    (void)info, (void)what, (void)pa;
    return true;
}

#include "pv/native/refclock.c"
#include "pv/native/clock.c"

void native_set_vector_handler(u8 vector, void (*owner)(struct trap_frame *frame))
{
    CHECK_EQ(vector, VECTOR_TIMER);
    CHECK(owner != NULL);
}

void native_apic_eoi(void)
{
}

/* ---- Measuring ----------------------------------------------------------------------------- */

static struct {
    struct acpi_header header;
    u8 bytes[100];
} hpet_table, fadt;

static void make_machine(int clock, u64 tsc_khz, u64 start_ns)
{
    memset(&pc, 0, sizeof(pc));
    pc.clock = clock;
    pc.tsc_khz = tsc_khz;
    pc.apic_khz = 62500;
    pc.hpet_timer = 0x0c;
    pc.hpet_config = 2;
    pc.max_leaf = 0x16;
    now_ns = start_ns;
    last_ns = 0;
    boot_entry_tsc = rdtsc();
    memset(&hpet_table, 0, sizeof(hpet_table));
    memset(&fadt, 0, sizeof(fadt));
    hpet_table.header.length = 56;
    memcpy((u8 *)&hpet_table + 44, &(u64){HPET_PA}, 8);
    fadt.header.length = 116;
    memcpy((u8 *)&fadt + 76, &(u32){PM_PORT}, 4);
    pv_ops.apic.setup_boot_clock = native_setup_boot_clock;
    warnings = 0;
}

static void start_clock(void)
{
    hpet_pa = 0;
    native_hpet_acpi_init(NULL, pc.clock == HPET ? &hpet_table.header : NULL);
    native_clock_acpi_init(pc.clock == PM_TIMER ? &fadt.header : NULL);
    CHECK_STR(native_time_init(), NULL);
}

/* Compare within the error that a measurement of 10 ms allows. */
static bool is_near(u64 got, u64 want)
{
    const u64 most = want / 1000000 * 250;

    return got > want - most && got < want + most;
}

/* Compare both conversion factors. */
static bool is_rate(u64 khz)
{
    return is_near(scale32(khz * 1000, tsc_to_ns), 1000000000) &&
           is_near(scale32(1000000000, ns_to_tsc), khz * 1000);
}

static void expect_rate(u64 khz)
{
    if (!is_rate(khz))
        fail_at(__FILE__, __LINE__,
                "clock %d, TSC of %lu kHz: a second is %lu ns, %lu ticks, from %lu ns on", pc.clock,
                khz, scale32(khz * 1000, tsc_to_ns), scale32(1000000000, ns_to_tsc), now_ns);
    else
        checks++;
}

/* Start at times that differ by less than one measurement, up to where each clock has wrapped. */
static void each_clock_measures_the_tsc(void)
{
    static const u64 rates[] = {2345678, 800000, 3999999};
    static const u64 wrap_ns[] = {42949672960, 4686957000, 54925000, 1000000000};

    for (int clock = HPET; clock <= RTC; clock++)
        for (u32 i = 0; i < ARRAY_SIZE(rates); i++)
            for (u64 before = 0; before < (clock == RTC ? 4 : 100); before++) {
                make_machine(clock, rates[i], wrap_ns[clock] * 3 - before * 997013);
                start_clock();
                expect_rate(rates[i]);
                CHECK_EQ(warnings, 0);
            }
}

static void a_stopped_host_spoils_no_measurement(void)
{
    for (int clock = HPET; clock <= RTC; clock++)
        for (u64 stall = 0; stall < (clock == RTC ? 2 : 60); stall++) {
            make_machine(clock, 2345678, 1000000000);
            pc.stall_at_ns = now_ns + stall * 1000000;
            start_clock();
            expect_rate(2345678);
        }
}

static void the_hpet_interrupts_for_nothing(void)
{
    make_machine(HPET, 2345678, 1000000000);
    start_clock();
    CHECK_EQ(pc.hpet_config, 1);
    CHECK_EQ(pc.hpet_timer, 8);
}

static void without_a_clock_a_rate_is_assumed(void)
{
    make_machine(NONE, ASSUMED_KHZ, 1000000000);
    start_clock();
    expect_rate(ASSUMED_KHZ);
    CHECK_EQ(warnings, 1);
}

/* Leaf 0x15: the crystal's frequency in ecx, times ebx / eax; used only if the CPU has the leaf. */
static void cpuid_reports_the_rate(void)
{
    make_machine(NONE, 3125000, 1000000000);
    pc.leaf15 = (struct cpuid_regs){.eax = 2, .ebx = 250, .ecx = 25000000};
    start_clock();
    expect_rate(3125000);
    make_machine(NONE, ASSUMED_KHZ, 1000000000);
    pc.leaf15 = (struct cpuid_regs){.eax = 2, .ebx = 250, .ecx = 25000000};
    pc.max_leaf = 0x14;
    start_clock();
    expect_rate(ASSUMED_KHZ);
}

/* Both rates are used as they are reported, before CPUID's, and neither is measured. */
static void a_hypervisor_reports_the_rates(void)
{
    make_machine(HPET, 3125000, 1000000000);
    pc.apic_khz = 1000; /* what a measurement would find */
    pc.leaf15 = (struct cpuid_regs){.eax = 2, .ebx = 4, .ecx = 25000000};
    CHECK(!native_set_rates(9999, 66000000, "a test"));
    CHECK(!native_set_rates(100000000, 66000000, "a test"));
    CHECK(!native_set_rates(3125000, 999999, "a test"));
    CHECK(given.by == NULL);
    CHECK(native_set_rates(3125000, 66000000, "a test"));
    start_clock();
    expect_rate(3125000);
    CHECK(is_near(scale32(1000000000, ns_to_apic), 66000000));
    CHECK_STR(native_clock_source(), "TSC, 3125000 kHz, by a test");
    memset(&given, 0, sizeof(given));
}

/*
 * The HPET's address must be aligned, an address of memory, and such that its registers are in one
 * page.
 */
static bool learns_hpet(u32 length, u8 space, u64 pa)
{
    make_machine(HPET, 2345678, 1000000000);
    hpet_table.header.length = length;
    ((u8 *)&hpet_table)[40] = space;
    memcpy((u8 *)&hpet_table + 44, &pa, 8);
    hpet_pa = 0;
    native_hpet_acpi_init(NULL, &hpet_table.header);
    return hpet_pa == pa;
}

static void a_bad_hpet_is_no_clock(void)
{
    CHECK(learns_hpet(52, 0, HPET_PA));
    CHECK_EQ(warnings, 0);
    CHECK(!learns_hpet(51, 0, HPET_PA));
    CHECK(!learns_hpet(52, 1, HPET_PA));
    CHECK_EQ(warnings, 1);
    CHECK(!learns_hpet(52, 0, HPET_PA + 4));
    CHECK(learns_hpet(52, 0, HPET_PA + 0xb00));
    CHECK(!learns_hpet(52, 0, HPET_PA + 0xb08));
}

static void the_clock_never_goes_back(void)
{
    u64 first;

    make_machine(HPET, 2345678, 1000000000);
    start_clock();
    first = native_clock_ns();
    now_ns -= 1000;
    CHECK(native_clock_ns() >= first);
}

/* ---- The timer ----------------------------------------------------------------------------- */

/*
 * Expect a count that ends not before the deadline, and not much after it unless the counter is too
 * short.
 */
static void expect_count(u64 delta, u64 most)
{
    const u64 count = pc.apic[APIC_TIMER_INITIAL / 4];
    const u64 ns = (u64)((unsigned __int128)count * 1000000 / pc.apic_khz);

    if (!count || (ns + delta / 1000000 < delta && delta < most) ||
        ns > delta + delta / 500 + 1000 || (delta >= most && ns < most - most / 100))
        fail_at(__FILE__, __LINE__, "a timer of %lu ns has a count of %lu, which are %lu ns", delta,
                count, ns);
    else
        checks++;
}

static void the_timer_counts_at_its_own_rate(void)
{
    static const u64 rates[] = {62500, 24000, 8000, 1000000, 3000000};

    for (u32 i = 0; i < ARRAY_SIZE(rates); i++) {
        make_machine(HPET, 2345678, 1000000000);
        pc.apic_khz = rates[i];
        start_clock();
        for (u64 delta = 1000; delta < 1ull << 62; delta += delta / 3) {
            const u64 now = native_clock_ns();

            CHECK_EQ(native_timer_set(now + delta), 0);
            expect_count(delta - 3 * NS_PER_TSC_READ, 0xffffffffull * 1000000 / rates[i]);
        }
    }
}

static void a_count_is_never_zero(void)
{
    make_machine(HPET, 2345678, 1000000000);
    pc.apic_khz = 1000000;
    start_clock();
    for (u64 delta = (1ull << 32) - 3000; delta < (1ull << 32) + 1000; delta++) {
        CHECK_EQ(native_timer_set(native_clock_ns() + delta), 0);
        CHECK(pc.apic[APIC_TIMER_INITIAL / 4] > 0xf0000000);
    }
}

static void a_deadline_in_the_past_stops_the_timer(void)
{
    make_machine(HPET, 2345678, 1000000000);
    start_clock();
    CHECK_EQ(native_timer_set(native_clock_ns() + 1000000), 0);
    CHECK(pc.apic[APIC_TIMER_INITIAL / 4] != 0);
    CHECK_EQ(native_timer_set(native_clock_ns() - 1), -ETIME);
    CHECK_EQ(pc.apic[APIC_TIMER_INITIAL / 4], 0);
}

/* Each CPU's APIC is in its reset state. */
static void each_cpu_sets_its_timer_up(void)
{
    make_machine(HPET, 2345678, 1000000000);
    start_clock();
    memset(pc.apic, 0, sizeof(pc.apic));
    native_setup_secondary_clock();
    CHECK_EQ(pc.apic[APIC_TIMER_DIVIDE / 4], TIMER_DIVIDE_BY_1);
    CHECK_EQ(pc.apic[APIC_LVT_TIMER / 4], VECTOR_TIMER);
}

static void a_tsc_deadline_is_in_ticks(void)
{
    make_machine(HPET, 2345678, 1000000000);
    pc.leaf1.ecx = CPUID_1_DEADLINE;
    ns_to_apic = 0;
    start_clock();
    CHECK_EQ(pc.apic[APIC_LVT_TIMER / 4], VECTOR_TIMER | LVT_TIMER_TSC_DEADLINE);
    for (u64 delta = 1000; delta < TIMER_STEP_NS; delta += delta / 3) {
        const u64 deadline = native_clock_ns() + delta;

        CHECK_EQ(native_timer_set(deadline), 0);
        CHECK(scale32(pc.deadline_msr - boot_entry_tsc, tsc_to_ns) >= deadline);
        CHECK(scale32(pc.deadline_msr - boot_entry_tsc, tsc_to_ns) <=
              deadline + delta / 1000 + 1000);
    }
    native_timer_stop();
    CHECK_EQ(pc.deadline_msr, 0);
}

int main(void)
{
    RUN(each_clock_measures_the_tsc);
    RUN(a_stopped_host_spoils_no_measurement);
    RUN(the_hpet_interrupts_for_nothing);
    RUN(without_a_clock_a_rate_is_assumed);
    RUN(cpuid_reports_the_rate);
    RUN(a_hypervisor_reports_the_rates);
    RUN(a_bad_hpet_is_no_clock);
    RUN(the_clock_never_goes_back);
    RUN(the_timer_counts_at_its_own_rate);
    RUN(a_count_is_never_zero);
    RUN(a_deadline_in_the_past_stops_the_timer);
    RUN(each_cpu_sets_its_timer_up);
    RUN(a_tsc_deadline_is_in_ticks);
    return finish("native clock");
}
