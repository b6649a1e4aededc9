/* SPDX-License-Identifier: MIT */
/*
 * CPUs go online and offline, run threads, and call each other: each call runs once, on its CPU.
 * The same under stress: test/stress/smp_stress.c.
 */
#include "kernel/trap.h"
#include "lib/address_map.h"
#include "lib/format.h"
#include "lib/madt.h"
#include "lib/mptable.h"
#include "lib/string.h"
#include "pv/apic_regs.h"
#include "test/harness/cpus.h"
#include "test/harness/mm_util.h"

TEST(smp, every_listed_cpu_is_up, smp_prepare, cpu_count, cpu_up, cpu_enter, cpu_is_up,
     setup_secondary_clock)
{
    const u32 count = MIN(pv_cpu_count(), PV_CPUS_MAX);

    if (count > 1 && smp_why_alone())
        SKIP("only one CPU is online: %s", smp_why_alone());
    EXPECT(count >= 1);
    EXPECT_EQ(smp_online_count(), count);
    for (u32 cpu = 0; cpu < count; cpu++) {
        EXPECT(pv_cpu_is_up(cpu));
        EXPECT_EQ(cpus[cpu].area.number, cpu);
    }
    EXPECT(!pv_cpu_is_up(count));
    EXPECT(!pv_cpu_is_up(4000));
}

TEST(smp, cpus_have_names, cpu_describe)
{
    char names[2][32] = {"", ""};

    for (u32 cpu = 0; cpu < pv_cpu_count(); cpu++) {
        pv_cpu_describe(cpu, names[cpu % 2], sizeof(names[0]));
        EXPECT(names[cpu % 2][0]);
        EXPECT(strcmp(names[0], names[1]));
        print("# CPU %u: %s\n", cpu, names[cpu % 2]);
    }
}

/* Xen names a CPU by its vCPU number, bare metal by its APIC id. */
TEST(smp, names_are_those_of_the_platform, cpu_describe)
{
    char wanted[32] = "vCPU 0", name[32], cut[] = "????";
    u32 id = 0;

    if (on_bare_metal()) {
        EXPECT_EQ(pv_apic_read(APIC_ID, &id), 0);
        ksnprintf(wanted, sizeof(wanted), "APIC id %u", id);
    }
    pv_cpu_describe(0, name, sizeof(name));
    EXPECT(!strcmp(name, wanted));
    pv_cpu_describe(0, cut, 3);
    EXPECT(!strncmp(cut, wanted, 2) && !cut[2] && cut[3] == '?');
}

/* Count the CPUs that the firmware lists, and CPU 0 also if it is not listed. */
static u32 count_listed(const struct apic_config *config)
{
    u32 own = 0, count = config->nr_cpus + 1;

    EXPECT_EQ(pv_apic_read(APIC_ID, &own), 0);
    for (u32 i = 0; i < config->nr_cpus; i++)
        count -= config->apic_ids[i] == own;
    return count;
}

/* Parse the firmware's table a second time. On Xen a guest's CPUs are not those of the firmware. */
TEST(smp, firmware_lists_the_same_number_of_cpus, memory_map, cpu_count)
{
    const struct phys_window low = {(const u8 *)DIRECT_MAP_BASE, 0, BOOT_MAP_SIZE};
    static struct apic_config config;
    struct mm_mapping m;

    if (!on_bare_metal())
        SKIP("the hypervisor, not the firmware, defines the CPUs");
    if (!boot_info_ptr->rsdp_size && boot_info_ptr->rsdp_pa &&
        !mm_query(&mm_kernel, ALIGN_DOWN(DIRECT_MAP_BASE + boot_info_ptr->rsdp_pa, PAGE_SIZE), &m))
        SKIP("the loader's memory map does not name the page of the RSDP");
    if (!madt_parse(acpi_find_table(&low, boot_info_ptr, "APIC"), &config) &&
        !mptable_parse(&low, &config))
        SKIP("the firmware has no table of CPUs");
    EXPECT_EQ(pv_cpu_count(), count_listed(&config));
}

static u32 caught[PV_CPUS_MAX];

static void make_exceptions(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        struct fault fault;

        PV_TRY(fault)
        __asm__ volatile("ud2");
        caught[pv_this_cpu()] += fault.caught && fault.vector == VECTOR_UD;
    }
}

static void take_this_cpu_down(void *arg)
{
    EXPECT_EQ(smp_down(pv_this_cpu()), -EINVAL);
    *(bool *)arg = true;
}

TEST(smp, wrong_cpus_are_refused, cpu_up, cpu_down, send_ipi, send_nmi)
{
    const struct pv_cpu_start start = {.area = &cpus[0].area};
    const u32 absent[] = {pv_cpu_count(), PV_CPUS_MAX, 4000, ~0u};
    struct thread *t;
    bool has_run = false;

    EXPECT_EQ(pv_cpu_up(0, &start), -EINVAL);
    INTERRUPTS_OFF
    EXPECT_EQ(pv_cpu_down(pv_this_cpu()), -EINVAL);
    for (size_t i = 0; i < ARRAY_SIZE(absent); i++) {
        EXPECT_EQ(pv_cpu_up(absent[i], &start), -EINVAL);
        INTERRUPTS_OFF
        EXPECT_EQ(pv_cpu_down(absent[i]), -EINVAL);
        EXPECT_EQ(pv_send_ipi(absent[i], PV_IPI_CALL), -EINVAL);
        EXPECT_EQ(pv_send_nmi(absent[i]), -EINVAL);
        EXPECT_EQ(smp_up(absent[i]), -EINVAL);
        EXPECT_EQ(smp_down(absent[i]), -EINVAL);
        EXPECT(!thread_start("absent", absent[i] == ~0u ? 4000 : absent[i], NULL, NULL));
    }
    EXPECT_EQ(smp_down(0), -EINVAL);
    EXPECT_EQ(smp_up(0), -EINVAL);
    EXPECT_EQ(smp_up(smp_online_count() - 1), -EINVAL);
    t = thread_start("last CPU's", smp_online_count() - 1, take_this_cpu_down, &has_run);
    REQUIRE(t);
    thread_join(t);
    EXPECT(has_run);
}

static void take_cpu_0_down(void *arg)
{
    INTERRUPTS_OFF
    *(int *)arg = pv_cpu_down(0);
}

/* On hardware an INIT makes CPU 0 execute the firmware's first instruction. */
TEST(smp, cpu_0_is_not_restarted, cpu_down)
{
    struct thread *t;
    int error = 0;

    NEEDS_CPUS(2);
    if (!on_bare_metal())
        SKIP("CPU 0 can be stopped as any other");
    t = thread_start("CPU 1's", 1, take_cpu_0_down, &error);
    REQUIRE(t);
    thread_join(t);
    EXPECT_EQ(error, -EINVAL);
    EXPECT(pv_cpu_is_up(0));
}

TEST(smp, exceptions_are_caught_on_every_cpu, load_idt)
{
    struct workers workers;

    memset(caught, 0, sizeof(caught));
    workers_start(&workers, 0, stress_cpus(), make_exceptions, NULL, 0);
    workers_join(&workers);
    for (u32 cpu = 0; cpu < stress_cpus(); cpu++)
        EXPECT_EQ(caught[cpu], 10);
}

static u64 worked[PV_CPUS_MAX];

static void count_units(void *arg)
{
    const u32 cpu = (u32)(u64)arg;

    for (u32 i = 0; i < 1000; i++) {
        worked[cpu] += pv_this_cpu() == cpu;
        if (i % 100 == 0)
            thread_yield();
    }
}

TEST(smp, every_cpu_runs_threads, cpu_enter, send_ipi)
{
    static struct thread *threads[PV_CPUS_MAX];

    memset(worked, 0, sizeof(worked));
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        if (smp_is_online(cpu)) {
            threads[cpu] = thread_start("work", cpu, count_units, (void *)(u64)cpu);
            REQUIRE(threads[cpu]);
        }
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        if (smp_is_online(cpu)) {
            thread_join(threads[cpu]);
            EXPECT_EQ(worked[cpu], 1000);
            print("# CPU %u: %llu units of work\n", cpu, (unsigned long long)worked[cpu]);
        }
}

static void count_call(void *arg)
{
    __atomic_fetch_add(&((u64 *)arg)[pv_this_cpu()], 1, __ATOMIC_SEQ_CST);
}

TEST(smp, call_runs_on_each_cpu_once, send_ipi)
{
    u64 counts[PV_CPUS_MAX] = {0};
    u32 asked = 0;

    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        asked += !smp_call(cpu, count_call, counts);
    EXPECT_EQ(asked, smp_online_count());
    EXPECT_EQ(smp_call_many(~0ull, count_call, counts), smp_online_count());
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        EXPECT_EQ(counts[cpu], smp_is_online(cpu) ? 2 : 0);
    EXPECT_EQ(smp_call(PV_CPUS_MAX, count_call, counts), -EINVAL);
}

TEST(smp, call_with_interrupts_disabled_panics)
{
    u64 counts[PV_CPUS_MAX] = {0};

    pv_irq_disable();
    PANICS("smp_call")
    smp_call(0, count_call, counts);
    PANICS("smp_call")
    smp_call_many(~0ull, count_call, counts);
    pv_irq_enable();
    EXPECT_EQ(counts[0], 0);
}

/* CPU 1 is held in a call until the others have been queued. */
enum { IN_ORDER = 4 };

static struct {
    bool inside, release;
    u32 order[IN_ORDER], count;
} held;

static void hold_cpu(void *arg)
{
    (void)arg;
    WRITE_ONCE(held.inside, true);
    while (!READ_ONCE(held.release))
        __builtin_ia32_pause();
}

static void record_order(void *arg)
{
    held.order[held.count++] = (u32)(u64)arg;
}

TEST(smp, calls_of_one_cpu_run_in_order, send_ipi)
{
    struct call hold = {.fn = hold_cpu}, calls[IN_ORDER];

    NEEDS_CPUS(2);
    memset(&held, 0, sizeof(held));
    EXPECT_EQ(smp_call_async(1, &hold), 0);
    while (!READ_ONCE(held.inside))
        __builtin_ia32_pause();
    for (u64 i = 0; i < IN_ORDER; i++) {
        calls[i] = (struct call){.fn = record_order, .arg = (void *)i};
        EXPECT_EQ(smp_call_async(1, &calls[i]), 0);
    }
    WRITE_ONCE(held.release, true);
    smp_call_wait(&hold);
    for (u32 i = 0; i < IN_ORDER; i++) {
        smp_call_wait(&calls[i]);
        EXPECT_EQ(held.order[i], i);
    }
}

static struct call long_call;
static bool long_done;

/* Wait until the caller is about to halt, and wake it without reason in the first call. */
static void work_long(void *arg)
{
    const u32 turn = (u32)(u64)arg;

    EXPECT(SPIN_UNTIL(READ_ONCE(long_call.state) == CALL_WAITED));
    if (turn == 0) {
        EXPECT_EQ(pv_send_ipi(long_call.waiter, PV_IPI_RESCHEDULE), 0);
        spin(5 * NS_PER_MS);
    }
    WRITE_ONCE(long_done, true);
}

static void do_nothing(struct timer *timer)
{
    (void)timer;
}

/*
 * The caller halts until the call has ended: another interrupt must not end the wait. A far-away
 * timer also ends a halt, after seconds, so at least one of several calls must end without it.
 */
TEST(smp, halted_caller_waits_until_the_call_has_ended, send_ipi, safe_halt)
{
    struct timer late = {0};
    bool woken = false;

    NEEDS_CPUS(2);
    timer_start(&late, pv_clock_ns() + 20 * NS_PER_S, do_nothing);
    for (u64 turn = 0; turn < 5; turn++) {
        const u64 timers = irq_counts.timers;

        long_done = false;
        long_call = (struct call){.fn = work_long, .arg = (void *)turn};
        EXPECT_EQ(smp_call_async(1, &long_call), 0);
        smp_call_wait(&long_call);
        EXPECT(READ_ONCE(long_done));
        woken |= turn && irq_counts.timers == timers;
    }
    EXPECT(woken);
    timer_stop(&late);
}

static u32 nmis[PV_CPUS_MAX];

static bool count_nmi(struct trap_frame *frame)
{
    (void)frame;
    __atomic_fetch_add(&nmis[pv_this_cpu()], 1, __ATOMIC_SEQ_CST);
    return true;
}

static bool nmi_came(u32 cpu)
{
    struct time_limit limit = time_limit(5 * NS_PER_S);

    while (!__atomic_load_n(&nmis[cpu], __ATOMIC_SEQ_CST) && !time_limit_reached(&limit))
        sleep_until(pv_clock_ns() + 100 * NS_PER_US);
    return nmis[cpu];
}

/* A call does not run inside the NMI handler. */
static void expect_nmi_handled(void *arg)
{
    (void)arg;
    EXPECT_EQ(this_cpu()->in_nmi, 0);
}

TEST(smp, nmi_reaches_every_cpu, send_nmi)
{
    memset(nmis, 0, sizeof(nmis));
    nmi_hook = count_nmi;
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        if (smp_is_online(cpu)) {
            EXPECT_EQ(pv_send_nmi(cpu), 0);
            EXPECT(nmi_came(cpu));
            EXPECT_EQ(nmis[cpu], 1);
            EXPECT_EQ(smp_call(cpu, expect_nmi_handled, NULL), 0);
        }
    nmi_hook = NULL;
}

static void read_apic_id(void *arg)
{
    pv_apic_read(APIC_ID, arg);
}

TEST(smp, icr_reaches_the_cpu_of_its_apic_id, apic_icr, apic_read)
{
    u32 id = 0;

    NEEDS_CPUS(2);
    if (pv_apic_read(APIC_ID, &id))
        SKIP("no local APIC");
    EXPECT_EQ(smp_call(1, read_apic_id, &id), 0);
    memset(nmis, 0, sizeof(nmis));
    nmi_hook = count_nmi;
    EXPECT_EQ(pv_apic_icr(id, ICR_ASSERT | ICR_NMI), 0);
    EXPECT(nmi_came(1));
    EXPECT_EQ(nmis[0], 0);
    nmi_hook = NULL;
}

TEST(smp, cpu_goes_offline_and_online_again, cpu_leave, cpu_down, cpu_up)
{
    const u32 cpu = smp_online_count() - 1;
    const u32 starts = cpus[cpu].starts;
    u64 counts[PV_CPUS_MAX] = {0};

    NEEDS_CPUS(2);
    for (u32 i = 1; i <= 5; i++) {
        REQUIRE(smp_down(cpu) == 0);
        EXPECT(!pv_cpu_is_up(cpu));
        EXPECT_EQ(pv_send_ipi(cpu, PV_IPI_CALL), -EINVAL);
        EXPECT_EQ(pv_send_nmi(cpu), -EINVAL);
        EXPECT_EQ(smp_call(cpu, count_call, counts), -EINVAL);
        EXPECT_EQ(smp_down(cpu), -EINVAL);
        EXPECT(!thread_start("down", cpu, count_units, NULL));
        REQUIRE(smp_up(cpu) == 0);
        EXPECT_EQ(smp_up(cpu), -EINVAL);
        EXPECT_EQ(cpus[cpu].starts, starts + i);
        EXPECT_EQ(smp_call(cpu, count_call, counts), 0);
        EXPECT_EQ(counts[cpu], i);
    }
}

static void open_line(void *line)
{
    test_line_open(line);
}

/* The CPU that bound a line is offline when its pending interrupt is unmasked. */
TEST(smp, interrupt_of_an_offline_cpu_stays_pending, irq_mask, irq_raise, irq_unmask)
{
    const u32 cpu = smp_online_count() - 1;
    struct test_line line = {0};
    int status;

    NEEDS_CPUS(2);
    run_on_cpu(cpu, open_line, &line);
    EXPECT_EQ(pv_irq_mask(line.line), 0);
    EXPECT_EQ(pv_irq_raise(line.line), 0);
    REQUIRE(smp_down(cpu) == 0);
    status = pv_irq_unmask(line.line);
    EXPECT(!status || status == -EINVAL);
    REQUIRE(smp_up(cpu) == 0);
    if (status)
        EXPECT_EQ(pv_irq_unmask(line.line), 0);
    EXPECT(test_line_hits(&line, 1));
    test_line_close(&line);
}
