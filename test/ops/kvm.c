/* SPDX-License-Identifier: MIT */
/*
 * KVM's features, on the platform that has them: what it offers is used, and nothing that was given
 * to it is written after it was taken back.
 */
#include "pv/kvm/kvm.h"
#include "lib/string.h"
#include "pv/kvm/leaves.h"
#include "pv/kvm/pvclock.h"
#include "test/harness/cpus.h"

#define NEEDS_KVM \
    do { \
        if (!on_kvm()) \
            SKIP("not on KVM"); \
    } while (0)

static struct cpuid_regs read_leaf(u32 leaf, u32 subleaf)
{
    struct cpuid_regs r;

    pv_cpuid(leaf, subleaf, &r);
    return r;
}

static const struct {
    u32 feature, msr;
} given[] = {
    {KVM_FEATURE_CLOCKSOURCE2, MSR_KVM_SYSTEM_TIME_NEW},
    {KVM_FEATURE_STEAL_TIME, MSR_KVM_STEAL_TIME},
    {KVM_FEATURE_PV_EOI, MSR_KVM_PV_EOI_EN},
    {KVM_FEATURE_ASYNC_PF_INT, MSR_KVM_ASYNC_PF_EN},
};

/* An MSR that KVM refuses cannot be read either. */
static void expect_features_in_use(void *arg)
{
    const struct kvm_leaves found = kvm_find_leaves(read_leaf);
    u64 value;

    (void)arg;
    for (u32 i = 0; i < ARRAY_SIZE(given); i++)
        if (found.features & given[i].feature && !pv_read_msr_safe(given[i].msr, &value)) {
            EXPECT_EQ(value & KVM_MSR_ENABLED, KVM_MSR_ENABLED);
            EXPECT(kvm_writes(pv_this_cpu(), given[i].feature));
        }
}

TEST(kvm, features_that_are_offered_are_used_on_each_cpu, time_init, cpu_enter)
{
    NEEDS_KVM;
    for_each_online_cpu (c)
        run_on_cpu(c->area.number, expect_features_in_use, NULL);
    print("# features %x, clock: %s\n", kvm_find_leaves(read_leaf).features, pv_clock_source());
}

enum { LINES = 40 }; /* more than an I/O APIC has pins */

static u32 marked;

static void note_mark(struct test_line *line)
{
    (void)line;
    marked += kvm_records[pv_this_cpu()].eoi & 1;
}

/*
 * In the handler the interrupt is in service, and alone, so KVM has marked it; but not if a pin of
 * the I/O APIC has had the line's vector at any time.
 */
TEST(kvm, interrupt_needs_no_eoi_where_kvm_says_so, irq_eoi, apic_eoi)
{
    static struct test_line lines[LINES];

    NEEDS_KVM;
    if (!kvm_writes(pv_this_cpu(), KVM_FEATURE_PV_EOI))
        SKIP("KVM does not offer EOIs without an exit");
    marked = 0;
    for (u32 i = 0; i < LINES; i++) {
        lines[i] = (struct test_line){.during = note_mark};
        REQUIRE(test_line_open(&lines[i]));
        for (u32 hits = 1; hits <= 3; hits++) {
            EXPECT_EQ(pv_irq_raise(lines[i].line), 0);
            EXPECT(test_line_hits(&lines[i], hits));
            EXPECT_EQ(kvm_records[pv_this_cpu()].eoi & 1, 0);
        }
    }
    for (u32 i = 0; i < LINES; i++)
        test_line_close(&lines[i]);
    EXPECT(marked > LINES / 4);
    print("# %u of %u interrupts needed no EOI\n", marked, LINES * 3);
}

/* ---- The timer ---- */

#define MSR_TSC_DEADLINE 0x6e0

/* The timer counts on the native clock, whose zero is another. 0.1 ms is for rounding. */
TEST(kvm, timer_has_the_deadline_of_the_clock, timer_set, clock_ns)
{
    u64 khz, before, after, deadline = 0;

    NEEDS_KVM;
    if (!kvm_writes(pv_this_cpu(), KVM_FEATURE_CLOCKSOURCE2))
        SKIP("KVM does not offer a clock");
    INTERRUPTS_OFF
    {
        khz = pvclock_tsc_khz(&kvm_records[pv_this_cpu()].time);
        before = pv_read_tsc();
        EXPECT_EQ(pv_timer_set(pv_clock_ns() + 2000 * NS_PER_MS), 0);
        after = pv_read_tsc();
        EXPECT_EQ(pv_read_msr_safe(MSR_TSC_DEADLINE, &deadline), 0);
    }
    kernel_timers_rearm();
    if (!deadline)
        SKIP("the local APIC has no TSC deadline");
    EXPECT(deadline > before + 2000 * khz - khz / 10);
    EXPECT(deadline < after + 2000 * khz + khz / 10);
}

enum { POISON = 0xa5 };

static bool is_poisoned(const struct kvm_records *r)
{
    for (u32 i = 0; i < sizeof(*r); i++)
        if (((const volatile u8 *)r)[i] != POISON)
            return false;
    return true;
}

/*
 * KVM writes a CPU's records when it runs it, stops it, or sends it an interrupt. After the CPU has
 * left, the memory is this kernel's again.
 */
SOAK_TEST(kvm, records_of_an_offline_cpu_are_not_written, cpu_leave, cpu_down, cpu_enter)
{
    const u32 cpu = smp_online_count() - 1;
    struct stress rounds = {.normal = 10};
    struct kvm_records kept;

    NEEDS_KVM;
    NEEDS_CPUS(2);
    while (stress_continues(&rounds)) {
        REQUIRE(smp_down(cpu) == 0);
        EXPECT(!kvm_writes(cpu, ~0u));
        EXPECT(!pv_vcpu_is_preempted(cpu));
        kept = kvm_records[cpu];
        memset(&kvm_records[cpu], POISON, sizeof(kept));
        sleep_until(pv_clock_ns() + 2 * NS_PER_MS);
        EXPECT(is_poisoned(&kvm_records[cpu]));
        kvm_records[cpu] = kept;
        REQUIRE(smp_up(cpu) == 0);
    }
    run_on_cpu(cpu, expect_features_in_use, NULL);
    print("# CPU %u went offline and online again %u times\n", cpu, rounds.done);
}

/* ---- The clock of several CPUs ---- */

enum { READS = 1000, ROUNDS = 250 };

static u64 latest; /* Atomic: the largest reading of any CPU */

struct reader {
    u64 reads, backwards;
};

static void read_clock(struct reader *r)
{
    u64 seen = __atomic_load_n(&latest, __ATOMIC_SEQ_CST);
    const u64 now = pv_clock_ns();

    r->reads++;
    r->backwards += now < seen;
    while (now > seen && !__atomic_compare_exchange_n(&latest, &seen, now, false, __ATOMIC_SEQ_CST,
                                                      __ATOMIC_SEQ_CST))
        ;
}

static void read_clock_often(void *arg)
{
    struct stress rounds = {.normal = ROUNDS};

    while (stress_continues(&rounds))
        for (u32 i = 0; i < READS; i++)
            read_clock(arg);
}

SOAK_TEST(kvm, clock_of_no_cpu_is_behind_that_of_another, clock_ns)
{
    struct reader readers[STRESS_CPUS] = {0};
    struct workers workers;
    u64 reads = 0;

    NEEDS_KVM;
    NEEDS_CPUS(2);
    latest = 0;
    workers_start(&workers, 0, stress_cpus(), read_clock_often, readers, sizeof(*readers));
    workers_join(&workers);
    for (u32 i = 0; i < stress_cpus(); i++) {
        EXPECT(readers[i].reads);
        EXPECT_EQ(readers[i].backwards, 0);
        reads += readers[i].reads;
    }
    print("# %llu readings on %u CPUs\n", (unsigned long long)reads, stress_cpus());
}

/* ---- A preempted CPU ---- */

enum { SIGHTINGS = 50 };

#define NEVER_PREEMPTED \
    "each CPU has a physical one, so that KVM preempts none for long (--pcpus 1)"

static bool busy_is_over; /* Atomic: a flag */

static void be_busy(void *arg)
{
    (void)arg;
    while (!READ_ONCE(busy_is_over))
        barrier();
}

/*
 * Keep CPU 1 busy. Act each time that it is seen preempted; return how often, in two seconds. Where
 * that is more than now and then, it may take ten times as long.
 */
static u32 act_while_preempted(void (*act)(void))
{
    u64 end = pv_clock_ns() + 2 * NS_PER_S;
    struct thread *busy;
    u32 seen = 0;

    WRITE_ONCE(busy_is_over, false);
    busy = thread_start("busy", 1, be_busy, NULL);
    if (!EXPECT(busy))
        return 0;
    while (seen < SIGHTINGS && pv_clock_ns() < end) {
        if (!pv_vcpu_is_preempted(1))
            continue;
        if (++seen == 3)
            end += 18 * NS_PER_S;
        act();
    }
    WRITE_ONCE(busy_is_over, true);
    thread_join(busy);
    return seen;
}

static void flush_cpu_1(void)
{
    INTERRUPTS_OFF
    EXPECT_EQ(pv_flush_tlb_others(2, ~0ull), 0);
}

/*
 * A CPU that was ready to run and does not is not interrupted: KVM flushes its TLB when it runs
 * again. Where the CPUs take turns, CPU 1 is seen so at the begin of each turn of this one.
 */
TEST(kvm, preempted_cpu_is_flushed_without_an_interrupt, flush_tlb_others, vcpu_is_preempted)
{
    const u64 before = kvm_flushes_by_host;
    u32 seen;

    NEEDS_KVM;
    NEEDS_CPUS(2);
    if (!kvm_offers(KVM_FEATURE_PV_TLB_FLUSH))
        SKIP("KVM does not offer to flush TLBs");
    seen = act_while_preempted(flush_cpu_1);
    print("# CPU 1 was seen preempted %u times, and KVM has flushed it %llu times\n", seen,
          (unsigned long long)(kvm_flushes_by_host - before));
    if (seen < SIGHTINGS)
        SKIP(NEVER_PREEMPTED);
    EXPECT(kvm_flushes_by_host > before);
}

static u32 answers;

static void answer(void *arg)
{
    (void)arg;
    answers++;
}

static void call_cpu_1(void)
{
    EXPECT_EQ(smp_call(1, answer, NULL), 0);
}

/*
 * The sender of a call gives its turn to a CPU that is preempted. Whether that CPU then runs is up
 * to Linux, so the monitor reports how many yields had an effect, which a step of ./run.sh test
 * looks at.
 */
TEST(kvm, preempted_cpu_answers_calls, send_ipi)
{
    u32 seen;

    NEEDS_KVM;
    NEEDS_CPUS(2);
    answers = 0;
    seen = act_while_preempted(call_cpu_1);
    EXPECT_EQ(answers, seen);
    print("# CPU 1 was called %u times while it was preempted\n", seen);
    if (!seen)
        SKIP(NEVER_PREEMPTED);
}

static void spin_one_ms(void)
{
    spin(NS_PER_MS);
}

/* While both CPUs are busy and take turns on one physical CPU, each loses the other one's turns. */
TEST(kvm, turns_of_another_cpu_are_stolen, steal_ns)
{
    u64 begin, before, stolen;
    u32 seen;

    NEEDS_KVM;
    NEEDS_CPUS(2);
    if (!kvm_writes(pv_this_cpu(), KVM_FEATURE_STEAL_TIME))
        SKIP("KVM does not offer steal time");
    begin = pv_clock_ns();
    before = pv_steal_ns();
    seen = act_while_preempted(spin_one_ms);
    stolen = pv_steal_ns() - before;
    print("# %llu of %llu us were stolen\n", (unsigned long long)stolen / 1000,
          (unsigned long long)(pv_clock_ns() - begin) / 1000);
    if (seen < SIGHTINGS)
        SKIP(NEVER_PREEMPTED);
    EXPECT(stolen > 0);
    EXPECT(stolen <= pv_clock_ns() - begin);
}

TEST(kvm, wall_clock_is_the_hosts_and_not_set, get_wallclock, set_wallclock)
{
    u64 ns = 0;

    NEEDS_KVM;
    if (!kvm_writes(pv_this_cpu(), KVM_FEATURE_CLOCKSOURCE2))
        SKIP("KVM does not offer a clock");
    EXPECT_EQ(pv_get_wallclock(&ns), 0);
    EXPECT(ns > 1700000000 * NS_PER_S);
    EXPECT_EQ(pv_set_wallclock(ns), -EPERM);
    EXPECT_EQ(pv_set_wallclock(~0ull), -EINVAL);
}
