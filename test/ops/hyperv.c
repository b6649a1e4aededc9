/* SPDX-License-Identifier: MIT */
/*
 * Hyper-V's features, on the platform that has them: what it offers is used, counted, and nothing
 * that was given to the hypervisor is written after it was taken back.
 */
#include "pv/hyperv/hyperv.h"
#include "lib/address_map.h"
#include "lib/string.h"
#include "pv/apic_regs.h"
#include "test/harness/cpus.h"

#define NEEDS_HYPERV(features, what) \
    do { \
        if (!on_hyperv()) \
            SKIP("not on Hyper-V"); \
        if (!hyperv_offers(features)) \
            SKIP("Hyper-V does not offer " what); \
    } while (0)

static u64 msr(u32 index)
{
    u64 value = 0;

    EXPECT_EQ(pv_read_msr_safe(index, &value), 0);
    return value;
}

static bool is_enabled(u32 index)
{
    return msr(index) & HV_ENABLED;
}

/* ---- What is offered is used ---- */

static struct cpuid_regs read_leaf(u32 leaf, u32 subleaf)
{
    struct cpuid_regs r;

    pv_cpuid(leaf, subleaf, &r);
    return r;
}

static void expect_features_of_this_cpu(void *arg)
{
    const u32 cpu = pv_this_cpu();

    (void)arg;
    if (hyperv_offers(HYPERV_VP_INDEX))
        EXPECT_EQ(hyperv_vp_index[cpu], msr(MSR_HV_VP_INDEX));
    EXPECT_EQ(hyperv_assist(cpu) != NULL, hyperv_offers(HYPERV_ASSIST_PAGE));
    if (hyperv_assist(cpu))
        EXPECT_EQ(msr(MSR_HV_ASSIST_PAGE), (u64)hyperv_assist(cpu) - DIRECT_MAP_BASE + HV_ENABLED);
    EXPECT_EQ(hyperv_timer_is_used(cpu, false), hyperv_offers(HYPERV_DIRECT_TIMERS));
    EXPECT_EQ(hyperv_timer_is_used(cpu, true),
              hyperv_offers(HYPERV_TIMERS) && !hyperv_offers(HYPERV_DIRECT_TIMERS));
    if (hyperv_timer_is_used(cpu, true))
        EXPECT_EQ(msr(MSR_HV_MESSAGE_PAGE), hyperv_message_pa(cpu) + HV_ENABLED);
}

TEST(hyperv, features_that_are_offered_are_used_on_each_cpu, time_init, cpu_enter,
     setup_secondary_clock)
{
    const struct hyperv_leaves found = hyperv_find_leaves(read_leaf);

    NEEDS_HYPERV(0, "anything");
    if (hyperv_offers(HYPERV_HYPERCALLS)) {
        EXPECT_EQ(msr(MSR_HV_GUEST_OS_ID), HV_GUEST_OS_ID);
        EXPECT(is_enabled(MSR_HV_HYPERCALL));
    }
    if (hyperv_offers(HYPERV_TSC_PAGE))
        EXPECT(is_enabled(MSR_HV_TSC_PAGE));
    for_each_online_cpu (c)
        run_on_cpu(c->area.number, expect_features_of_this_cpu, NULL);
    print("# features %x, clock: %s, timing is%s relaxed\n", found.features, pv_clock_source(),
          found.hints & HV_HINT_RELAXED ? "" : " not");
}

/* ---- Time ---- */

enum { READS = 1000 };

TEST(hyperv, clock_is_the_reference_time, clock_ns, time_init)
{
    u64 before, now, after;

    NEEDS_HYPERV(HYPERV_COUNTER, "a reference counter");
    for (u32 i = 0; i < 10; i++) {
        before = msr(MSR_HV_COUNTER);
        now = pv_clock_ns();
        after = msr(MSR_HV_COUNTER);
        EXPECT(now / 100 >= before && now / 100 <= after + 1);
    }
}

TEST(hyperv, clock_needs_no_exit_where_the_page_is_offered, clock_ns)
{
    u64 before;

    NEEDS_HYPERV(HYPERV_COUNTER, "a reference counter");
    before = READ_ONCE(hyperv_used[HYPERV_USED_COUNTER]);
    for (u32 i = 0; i < READS; i++)
        pv_clock_ns();
    if (hyperv_offers(HYPERV_TSC_PAGE))
        EXPECT_EQ(READ_ONCE(hyperv_used[HYPERV_USED_COUNTER]), before);
    else
        EXPECT(READ_ONCE(hyperv_used[HYPERV_USED_COUNTER]) >= before + READS);
}

TEST(hyperv, rates_are_those_of_the_msrs, time_init)
{
    struct clock_interval passed;
    u64 wanted;

    NEEDS_HYPERV(HYPERV_RATES, "rates");
    EXPECT(msr(MSR_HV_APIC_HZ) >= 1000000);
    REQUIRE(clock_interval_measure(spin, &passed));
    wanted = passed.ticks * NS_PER_MS / (msr(MSR_HV_TSC_HZ) / 1000);
    EXPECT(passed.ns > wanted - wanted / 20 && passed.ns < wanted + wanted / 20);
}

/* The deadline is in the timer's MSR, and the local APIC's own timer does not run. */
static void expect_armed(void *arg)
{
    const u64 before = READ_ONCE(hyperv_used[HYPERV_USED_TIMER]);
    const u64 messages = READ_ONCE(hyperv_used[HYPERV_USED_MESSAGE]);
    const u64 deadline = pv_clock_ns() + 3600 * NS_PER_S;
    u32 left = 1;

    (void)arg;
    pv_irq_disable();
    EXPECT_EQ(pv_timer_set(deadline), 0);
    EXPECT_EQ(msr(MSR_HV_TIMER0_COUNT), deadline / 100 + 1);
    EXPECT(READ_ONCE(hyperv_used[HYPERV_USED_TIMER]) > before);
    if (!pv_apic_read(APIC_TIMER_CURRENT, &left))
        EXPECT_EQ(left, 0);
    pv_timer_stop();
    EXPECT_EQ(msr(MSR_HV_TIMER0_COUNT), 0);
    pv_irq_enable();
    kernel_timers_rearm();
    EXPECT(sleep_until_timer_interrupt(READ_ONCE(irq_counts.timers)));
    if (hyperv_timer_is_used(pv_this_cpu(), true))
        EXPECT(READ_ONCE(hyperv_used[HYPERV_USED_MESSAGE]) > messages);
    else
        EXPECT_EQ(READ_ONCE(hyperv_used[HYPERV_USED_MESSAGE]), messages);
}

TEST(hyperv, timer_is_synthetic_on_each_cpu, timer_set, timer_stop, setup_boot_clock,
     setup_secondary_clock)
{
    NEEDS_HYPERV(HYPERV_COUNTER, "a reference counter");
    if (!hyperv_offers(HYPERV_DIRECT_TIMERS) && !hyperv_offers(HYPERV_TIMERS))
        SKIP("Hyper-V does not offer timers");
    for_each_online_cpu (c)
        run_on_cpu(c->area.number, expect_armed, NULL);
}

/* ---- Interrupts ---- */

enum { LINES = 40 }; /* more than an I/O APIC has pins */

static u32 marked;

static void note_mark(struct test_line *line)
{
    (void)line;
    marked += hyperv_assist(pv_this_cpu())->no_eoi & 1;
}

/*
 * In the handler the interrupt is in service, and alone, so the hypervisor has marked it; but not
 * if a pin of the I/O APIC has had the line's vector at any time.
 */
TEST(hyperv, interrupt_needs_no_eoi_where_the_page_says_so, irq_eoi, apic_eoi)
{
    static struct test_line lines[LINES];
    const u64 before = READ_ONCE(hyperv_used[HYPERV_USED_EOI_MSR]);

    NEEDS_HYPERV(HYPERV_ASSIST_PAGE, "a VP assist page");
    REQUIRE(hyperv_assist(pv_this_cpu()));
    marked = 0;
    for (u32 i = 0; i < LINES; i++) {
        lines[i] = (struct test_line){.during = note_mark};
        REQUIRE(test_line_open(&lines[i]));
        for (u32 hits = 1; hits <= 3; hits++) {
            EXPECT_EQ(pv_irq_raise(lines[i].line), 0);
            EXPECT(test_line_hits(&lines[i], hits));
            EXPECT_EQ(hyperv_assist(pv_this_cpu())->no_eoi & 1, 0);
        }
    }
    for (u32 i = 0; i < LINES; i++)
        test_line_close(&lines[i]);
    EXPECT(marked > LINES / 4);
    print("# %u of %u interrupts needed no EOI, %llu EOIs were by MSR\n", marked, LINES * 3,
          (unsigned long long)(READ_ONCE(hyperv_used[HYPERV_USED_EOI_MSR]) - before));
}

/* With neither the page nor the MSR an EOI is the local APIC's. */
TEST(hyperv, eoi_is_by_msr_where_it_is_recommended, apic_eoi, irq_eoi)
{
    struct test_line line = {0};
    u64 before;

    NEEDS_HYPERV(HYPERV_EOI_MSR, "an MSR for EOIs");
    if (hyperv_assist(pv_this_cpu()))
        SKIP("the VP assist page spares most EOIs");
    REQUIRE(test_line_open(&line));
    before = READ_ONCE(hyperv_used[HYPERV_USED_EOI_MSR]);
    EXPECT_EQ(pv_irq_raise(line.line), 0);
    EXPECT(test_line_hits(&line, 1));
    EXPECT(READ_ONCE(hyperv_used[HYPERV_USED_EOI_MSR]) > before);
    test_line_close(&line);
}

/* ---- Hypercalls ---- */

/* Return whether hypercalls name these CPUs by sparse sets. */
static bool needs_sets(u64 set)
{
    for (; set; set &= set - 1)
        if (hyperv_vp_index[__builtin_ctzll(set)] >= 64)
            return true;
    return false;
}

static void expect_flush(u64 set, u64 va)
{
    const u64 flushes = READ_ONCE(hyperv_used[HYPERV_USED_FLUSH]);
    const u64 sets = READ_ONCE(hyperv_used[HYPERV_USED_SETS]);
    u64 calls, updates = 1;

    calls = pv_hypercall_count(&updates);
    EXPECT_EQ(updates, 0);
    pv_irq_disable();
    EXPECT_EQ(pv_flush_tlb_others(set, va), 0);
    pv_irq_enable();
    EXPECT(READ_ONCE(hyperv_used[HYPERV_USED_FLUSH]) > flushes);
    EXPECT(pv_hypercall_count(&updates) > calls);
    EXPECT_EQ(READ_ONCE(hyperv_used[HYPERV_USED_SETS]) > sets, needs_sets(set));
}

TEST(hyperv, flush_of_other_cpus_is_a_hypercall, flush_tlb_others, hypercall_count)
{
    u64 others;

    NEEDS_HYPERV(HYPERV_FLUSH, "flushes of TLBs");
    NEEDS_CPUS(2);
    others = online_cpus() & ~1ull;
    if (needs_sets(others) && !hyperv_offers(HYPERV_SETS))
        SKIP("the CPUs' indexes are above 63, and Hyper-V does not offer sparse sets");
    expect_flush(others, ~0ull);
    expect_flush(others, (u64)&marked + 5);
    EXPECT(hyperv_offers(HYPERV_FLUSH));
}

TEST(hyperv, ipi_is_a_hypercall, send_ipi, hypercall_count)
{
    u64 before, updates, calls;

    NEEDS_HYPERV(HYPERV_IPI, "IPIs");
    if (needs_sets(1) && !hyperv_offers(HYPERV_SETS))
        SKIP("the CPUs' indexes are above 63, and Hyper-V does not offer sparse sets");
    before = READ_ONCE(hyperv_used[HYPERV_USED_IPI]);
    calls = pv_hypercall_count(&updates);
    for_each_online_cpu (c)
        EXPECT_EQ(pv_send_ipi(c->area.number, PV_IPI_RESCHEDULE), 0);
    EXPECT(READ_ONCE(hyperv_used[HYPERV_USED_IPI]) >= before + smp_online_count());
    EXPECT(pv_hypercall_count(&updates) - calls >= smp_online_count());
    EXPECT(hyperv_offers(HYPERV_IPI));
}

/* ---- Pages ---- */

enum { ROUNDS = 10, POISON = 0xa5 };

static bool is_poisoned(const volatile u8 *page)
{
    for (u32 i = 0; i < PAGE_SIZE; i++)
        if (page[i] != POISON)
            return false;
    return true;
}

/*
 * The hypervisor writes a CPU's pages when it delivers an interrupt or a message. After the CPU has
 * left, the memory is this kernel's again.
 */
static void expect_page_is_left_alone(u32 cpu, volatile u8 *page)
{
    for (u32 i = 0; i < ROUNDS; i++) {
        REQUIRE(smp_down(cpu) == 0);
        EXPECT(!hyperv_assist(cpu));
        EXPECT(!hyperv_timer_is_used(cpu, false) && !hyperv_timer_is_used(cpu, true));
        for (u32 j = 0; j < PAGE_SIZE; j++)
            page[j] = POISON;
        sleep_until(pv_clock_ns() + 2 * NS_PER_MS);
        EXPECT(is_poisoned(page));
        for (u32 j = 0; j < PAGE_SIZE; j++)
            page[j] = 0;
        REQUIRE(smp_up(cpu) == 0);
    }
}

TEST(hyperv, pages_of_an_offline_cpu_are_not_written, cpu_leave, cpu_down, cpu_enter)
{
    const u32 cpu = smp_online_count() - 1;

    NEEDS_HYPERV(HYPERV_ASSIST_PAGE, "a VP assist page");
    NEEDS_CPUS(2);
    expect_page_is_left_alone(cpu, (volatile u8 *)hyperv_assist(cpu));
    if (hyperv_message_pa(cpu))
        expect_page_is_left_alone(cpu, (volatile u8 *)(DIRECT_MAP_BASE + hyperv_message_pa(cpu)));
    run_on_cpu(cpu, expect_features_of_this_cpu, NULL);
}
