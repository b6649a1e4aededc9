/* SPDX-License-Identifier: MIT */
/*
 * State that each CPU has of its own: timer, debug registers, local APIC, steal time. The tests run
 * on every CPU in turn, because a backend may set up CPU 0 and the others by different code.
 */
#include "kernel/time.h"
#include "kernel/trap.h"
#include "lib/string.h"
#include "pv/apic_regs.h"
#include "pv/vmware/vmware.h"
#include "pv/x86.h"
#include "test/harness/cpus.h"

/* Run fn on every CPU in turn, in a thread there. */
static void on_each_cpu(void (*fn)(void *arg), void *arg)
{
    for_each_online_cpu (c) {
        struct thread *t = thread_start("each", c->area.number, fn, arg);

        if (EXPECT(t))
            thread_join(t);
    }
}

/* ---- Timers -------------------------------------------------------------------------------- */

/*
 * Return the smallest lateness of several attempts: a busy host delays some of them, while a wrong
 * rate of the timer would show in each; and it may let a deadline pass before it is set. The
 * kernel's own timers are not armed, because they would wake this CPU too.
 */
static u64 least_lateness(u64 delta)
{
    u64 least = ~0ull;

    for (u32 i = 0; i < 100 && least >= delta / 2; i++) {
        u64 deadline;
        int error;

        pv_irq_disable();
        deadline = pv_clock_ns() + delta;
        error = pv_timer_set(deadline);
        EXPECT(!error || (error == -ETIME && pv_clock_ns() >= deadline));
        while (pv_clock_ns() < deadline) {
            pv_safe_halt();
            pv_irq_disable();
        }
        least = error ? least : MIN(least, pv_clock_ns() - deadline);
        pv_irq_enable();
        kernel_timers_rearm();
    }
    return least;
}

static void expect_timer(void *arg)
{
    const u64 delta = 20 * NS_PER_MS, late = least_lateness(delta);

    (void)arg;
    print("# CPU %u: a timer of 20 ms is late by %llu ns\n", pv_this_cpu(),
          (unsigned long long)late);
    EXPECT(late < delta / 2);
}

TEST(each_cpu, timers_fire_on_time, timer_set, setup_secondary_clock)
{
    on_each_cpu(expect_timer, NULL);
}

static void expect_steal_grows_slower_than_time(void *arg)
{
    const u64 begin = pv_clock_ns(), before = pv_steal_ns();
    u64 after;

    (void)arg;
    sleep_until(begin + NS_PER_MS);
    after = pv_steal_ns(); /* before the clock: what is stolen in between only adds to the time */
    EXPECT(after >= before);
    EXPECT(after - before <= pv_clock_ns() - begin);
    if (!vmware_has_steal_clock() && !on_kvm()) /* these begin at 0 */
        EXPECT_EQ(pv_steal_ns() > 0, !on_bare_metal());
}

TEST(each_cpu, steal_clock_runs, steal_ns, setup_secondary_clock)
{
    on_each_cpu(expect_steal_grows_slower_than_time, NULL);
}

/* ---- Debug registers ----------------------------------------------------------------------- */

static u64 watched[PV_CPUS_MAX];
static u32 hits[PV_CPUS_MAX];

static bool count_hit(struct trap_frame *frame)
{
    (void)frame;
    hits[pv_this_cpu()]++;
    pv_set_debugreg(6, DR6_FIXED);
    return true;
}

/* The CPU whose breakpoint is enabled. */
static u32 watcher;

static void set_address(void *arg)
{
    (void)arg;
    INTERRUPTS_OFF
    EXPECT_EQ(pv_set_debugreg(0, (u64)&watched[pv_this_cpu()]), 0);
}

static void watch_here(void *arg)
{
    (void)arg;
    INTERRUPTS_OFF
    EXPECT_EQ(pv_set_debugreg(7, DR7_ENABLE(0) | DR7_WRITE_8(0)), 0);
}

/* Write twice, because the return from the first #DB loads DR7 again. */
static void write_watched(void *arg)
{
    const u32 cpu = pv_this_cpu();

    (void)arg;
    WRITE_ONCE(hits[cpu], 0);
    for (u32 i = 0; i < 2; i++)
        for (u32 other = 0; other < PV_CPUS_MAX; other++)
            WRITE_ONCE(watched[other], i);
    EXPECT_EQ(READ_ONCE(hits[cpu]), cpu == watcher ? 2 : 0);
    EXPECT_EQ(pv_get_debugreg(7) & 3, cpu == watcher ? 1 : 0);
    EXPECT_EQ(pv_get_debugreg(0), (u64)&watched[cpu]);
}

static void disable_breakpoint(void *arg)
{
    (void)arg;
    INTERRUPTS_OFF
    EXPECT_EQ(pv_set_debugreg(7, DR7_FIXED), 0);
}

static void clear_address(void *arg)
{
    (void)arg;
    INTERRUPTS_OFF
    EXPECT_EQ(pv_set_debugreg(0, 0), 0);
}

/*
 * Each CPU has an address of its own, and one CPU at a time enables its breakpoint. Two at a time
 * may end QEMU below KVM (docs/facts.md).
 */
TEST(each_cpu, breakpoints_are_per_cpu, set_debugreg, get_debugreg)
{
    debug_hook = count_hit;
    on_each_cpu(set_address, NULL);
    for (watcher = 0; watcher < stress_cpus(); watcher++) {
        run_on_cpu(watcher, watch_here, NULL);
        on_each_cpu(write_watched, NULL);
        run_on_cpu(watcher, disable_breakpoint, NULL);
    }
    on_each_cpu(clear_address, NULL);
    debug_hook = NULL;
}

/* ---- CR0.TS -------------------------------------------------------------------------------- */

/* CPU 1 sets its TS, and waits until CPU 0 has looked at its own. */
static struct {
    bool is_set, seen;
} fpu_trap;

static void set_ts(void *arg)
{
    (void)arg;
    INTERRUPTS_OFF
    {
        pv_stts();
        __atomic_store_n(&fpu_trap.is_set, true, __ATOMIC_SEQ_CST);
        while (!__atomic_load_n(&fpu_trap.seen, __ATOMIC_SEQ_CST))
            __builtin_ia32_pause();
        EXPECT_EQ(pv_read_cr0() & CR0_TS, CR0_TS);
        pv_clts();
        EXPECT_EQ(pv_read_cr0() & CR0_TS, 0);
    }
}

TEST(each_cpu, fpu_trap_is_its_own, stts, clts, read_cr0)
{
    struct thread *other;

    NEEDS_CPUS(2);
    fpu_trap.is_set = fpu_trap.seen = false;
    other = thread_start("fpu", 1, set_ts, NULL);
    REQUIRE(other);
    while (!__atomic_load_n(&fpu_trap.is_set, __ATOMIC_SEQ_CST))
        __builtin_ia32_pause();
    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_read_cr0() & CR0_TS, 0);
        pv_clts();
        EXPECT_EQ(pv_read_cr0() & CR0_TS, 0);
    }
    __atomic_store_n(&fpu_trap.seen, true, __ATOMIC_SEQ_CST);
    thread_join(other);
}

/* ---- Local APICs --------------------------------------------------------------------------- */

static u32 apic(u32 offset)
{
    u32 value = 0;

    EXPECT_EQ(pv_apic_read(offset, &value), 0);
    return value;
}

static void expect_apic(void *arg)
{
    struct cpuid_regs r;

    (void)arg;
    pv_cpuid(1, 0, &r);
    EXPECT_EQ(apic(APIC_ID) & 0xff, r.ebx >> 24);
    EXPECT_EQ(apic(APIC_TPR), 0);
    EXPECT_EQ(apic(APIC_SVR) & SVR_ENABLE, SVR_ENABLE);
    EXPECT_EQ(apic(APIC_LVT_LINT0) & LVT_MASKED, LVT_MASKED);
    EXPECT_EQ(apic(APIC_LVT_ERROR) & LVT_MASKED, LVT_MASKED);
    EXPECT_EQ(apic(APIC_LVT_LINT1) & (LVT_MASKED | LVT_MODE), LVT_NMI);
}

static bool has_apic(void)
{
    struct pv_features f;

    pv_cpu_features(&f);
    return f.local_apic;
}

/* A PC's NMI is wired to LINT1; the other sources have no handler and stay masked. */
TEST(each_cpu, apic_takes_nmis_and_masks_the_rest, apic_read, irq_init)
{
    if (!has_apic())
        SKIP("no local APIC");
    on_each_cpu(expect_apic, NULL);
}

/* Set a task priority that blocks lines, not IPIs. */
static void raise_task_priority(void *arg)
{
    (void)arg;
    EXPECT_EQ(pv_apic_write(APIC_TPR, 0xc0), 0);
}

/* A CPU that goes online again starts with task priority 0, not with the one that it left. */
TEST(each_cpu, apic_blocks_nothing_after_a_restart, apic_write)
{
    NEEDS_CPUS(2);
    if (!has_apic())
        SKIP("no local APIC");
    EXPECT_EQ(smp_call(1, raise_task_priority, NULL), 0);
    REQUIRE(smp_down(1) == 0 && smp_up(1) == 0);
    on_each_cpu(expect_apic, NULL);
}
