/* SPDX-License-Identifier: MIT */
/*
 * The local APIC, on platforms that give the guest one, and the set-up of a CPU's clock. Every
 * access to its registers goes through an op, which must refuse what would break the backend.
 */
#include "kernel/smp.h"
#include "kernel/trap.h"
#include "pv/apic_regs.h"
#include "test/harness/cpus.h"
#include "test/harness/lines.h"

#define CPUID1_ECX_X2APIC (1u << 21)

static bool have_apic(void)
{
    u32 version;

    return pv_apic_read(APIC_VERSION, &version) != -ENODEV;
}

/* Either all ops work or all report -ENODEV. */
TEST(apic, all_ops_agree_on_its_presence, apic_read, apic_write, apic_icr, startup_ipi_hook)
{
    const bool have = have_apic();
    struct cpuid_regs r;
    u32 value = 0;

    pv_cpuid(1, 0, &r);
    print("# CPUID offers %s\n", r.ecx & CPUID1_ECX_X2APIC ? "x2APIC" : "no x2APIC");
    EXPECT_EQ(have, !on_xen_pv());
    EXPECT_EQ(pv_apic_read(APIC_VERSION, &value), have ? 0 : -ENODEV);
    EXPECT_EQ(pv_apic_write(APIC_TPR, 0), have ? 0 : -ENODEV);
    EXPECT_EQ(pv_startup_ipi_hook(1, 0, 0), have ? 0 : -ENODEV);
    if (have) {
        EXPECT((value & 0xff) >= 0x10);
        EXPECT((value & 0xff) < 0x20);
    } else {
        EXPECT_EQ(pv_apic_icr(0, ICR_ASSERT | ICR_NMI), -ENODEV);
        INTERRUPTS_OFF
        pv_apic_eoi();
    }
}

TEST(apic, bad_registers_are_refused, apic_read, apic_write)
{
    static const u32 bad[] = {0x21, 0x28, 0x400, 0x1000, ~0u, 0x00, 0x40, 0xb0, 0x3f0};
    u32 value = 0;

    if (!have_apic())
        SKIP("no local APIC");
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        EXPECT_EQ(pv_apic_read(bad[i], &value), -EINVAL);
    EXPECT_EQ(pv_apic_write(APIC_VERSION, 0), -EINVAL);
    EXPECT_EQ(pv_apic_write(0x300, 0), -EINVAL);
    EXPECT_EQ(pv_apic_write(0x81, 0), -EINVAL);
    EXPECT_EQ(pv_apic_write(0x1000, 0), -EINVAL);
}

TEST(apic, all_registers_can_be_read, apic_read)
{
    u32 value, count = 0;

    if (!have_apic())
        SKIP("no local APIC");
    for (u32 offset = 0; offset < 0x400; offset += 16)
        count += pv_apic_read(offset, &value) == 0;
    EXPECT(count > 30);
}

/*
 * An LVT entry that firmware left open as SMI, NMI or ExtINT would deliver an interrupt that the
 * kernel did not ask for. The version register contains the number of entries (Intel SDM vol. 3,
 * figure 11-8).
 */
static void check_lvt(void *unused)
{
    static const struct {
        u32 offset, max_lvt;
    } own[] = {{APIC_LVT_LINT0, 0}, {APIC_LVT_ERROR, 3}, {APIC_LVT_PERF, 4}, {APIC_LVT_THERMAL, 5}};
    u32 version = 0, value = 0;

    (void)unused;
    EXPECT_EQ(pv_apic_read(APIC_VERSION, &version), 0);
    for (u32 i = 0; i < ARRAY_SIZE(own); i++) {
        if ((version >> 16 & 0xff) < own[i].max_lvt)
            continue;
        EXPECT_EQ(pv_apic_read(own[i].offset, &value), 0);
        EXPECT_EQ(value & LVT_MASKED, LVT_MASKED);
    }
    EXPECT_EQ(pv_apic_read(APIC_LVT_TIMER, &value), 0);
    EXPECT_EQ(value & LVT_MODE, 0);
    EXPECT_EQ(pv_apic_read(APIC_LVT_LINT1, &value), 0);
    EXPECT_EQ(value & (LVT_MODE | LVT_MASKED), LVT_NMI);
}

TEST(apic, only_the_kernels_own_sources_are_open, apic_read)
{
    if (!have_apic())
        SKIP("no local APIC");
    EXPECT_EQ(smp_call_many(online_cpus(), check_lvt, NULL), smp_online_count());
}

TEST(apic, task_priority_defers_interrupts, apic_write, apic_read)
{
    struct test_line line = {0};
    u32 tpr = 0;

    if (!have_apic())
        SKIP("no local APIC");
    REQUIRE(test_line_open(&line));
    EXPECT_EQ(pv_apic_write(APIC_TPR, 0xf0), 0);
    EXPECT_EQ(pv_apic_read(APIC_TPR, &tpr), 0);
    EXPECT_EQ(tpr, 0xf0);
    EXPECT_EQ(pv_irq_raise(line.line), 0);
    spin(200 * NS_PER_US);
    EXPECT_EQ(READ_ONCE(line.hits), 0);
    EXPECT_EQ(pv_apic_write(APIC_TPR, 0), 0);
    EXPECT(test_line_hits(&line, 1));
    test_line_close(&line);
}

static u32 in_service(void)
{
    u32 bits = 0, word = 0;

    for (u32 i = 0; i < 8; i++) {
        EXPECT_EQ(pv_apic_read(APIC_ISR + i * 16, &word), 0);
        for (; word; word &= word - 1)
            bits++;
    }
    return bits;
}

static void send_early_eoi(struct test_line *line)
{
    (void)line;
    EXPECT_EQ(in_service(), 1);
    pv_apic_eoi();
    EXPECT_EQ(in_service(), 0);
}

TEST(apic, eoi_ends_the_vector_in_service, apic_eoi)
{
    struct test_line line = {.during = send_early_eoi};

    if (!have_apic())
        SKIP("no local APIC");
    REQUIRE(test_line_open(&line));
    EXPECT_EQ(in_service(), 0);
    EXPECT_EQ(pv_irq_raise(line.line), 0);
    EXPECT(test_line_hits(&line, 1));
    EXPECT_EQ(in_service(), 0);
    test_line_close(&line);
}

/* An NMI to this CPU itself, which needs no vector. */
static u32 nmis;

static bool count_nmi(struct trap_frame *frame)
{
    (void)frame;
    WRITE_ONCE(nmis, nmis + 1);
    return true;
}

TEST(apic, icr_sends_an_nmi_to_itself, apic_icr, apic_read)
{
    trap_hook *const others = nmi_hook;
    u32 id = 0;

    if (!have_apic())
        SKIP("no local APIC");
    EXPECT_EQ(pv_apic_read(APIC_ID, &id), 0);
    nmi_hook = count_nmi;
    nmis = 0;
    for (u32 i = 1; i <= 2; i++) {
        pv_irq_disable();
        EXPECT_EQ(pv_apic_icr(id, ICR_ASSERT | ICR_NMI), 0);
        SPIN_UNTIL(READ_ONCE(nmis) >= i);
        pv_irq_enable();
        EXPECT_EQ(READ_ONCE(nmis), i);
    }
    nmi_hook = others;
}

static void read_requests(u32 words[8])
{
    for (u32 i = 0; i < 8; i++)
        EXPECT_EQ(pv_apic_read(APIC_IRR + i * 16, &words[i]), 0);
}

/* Return the vector of the line's interrupts. Context: interrupts disabled. */
static u32 vector_of(const struct test_line *line)
{
    u32 before[8], after[8], i = 0;

    read_requests(before);
    EXPECT_EQ(pv_irq_raise(line->line), 0);
    read_requests(after);
    while (i < 7 && before[i] == after[i])
        i++;
    return EXPECT(after[i] & ~before[i]) ? i * 32 + (u32)__builtin_ctz(after[i] & ~before[i]) : 0;
}

TEST(apic, icr_sends_the_given_vector, apic_icr, apic_read)
{
    struct test_line line = {0};
    u32 vector, id = 0;

    if (!on_bare_metal())
        SKIP("the backend's lines are not vectors of a local APIC");
    REQUIRE(test_line_open(&line));
    EXPECT_EQ(pv_apic_read(APIC_ID, &id), 0);
    pv_irq_disable();
    vector = vector_of(&line);
    pv_irq_enable();
    EXPECT(test_line_hits(&line, 1));
    EXPECT_EQ(pv_apic_icr(id, ICR_ASSERT | vector), 0);
    EXPECT(test_line_hits(&line, 2));
    test_line_close(&line);
}

/* Return how many timer interrupts follow when the clock is set up again before a deadline. */
static u64 interrupts_after(void (*set_up)(void))
{
    u64 before, deadline, ahead = 20 * NS_PER_MS;
    int error;

    do { /* again if the host let the deadline pass first */
        deadline = pv_clock_ns() + ahead;
        ahead *= 2;
        pv_irq_disable();
        before = irq_counts.timers;
        error = pv_timer_set(deadline);
        pv_apic_write(APIC_LVT_TIMER, LVT_MASKED | 0xff);
        set_up();
        pv_irq_enable();
    } while (pv_clock_ns() >= deadline && ahead < 1000 * NS_PER_S);
    EXPECT_EQ(error, 0);
    spin(deadline + 50 * NS_PER_MS - pv_clock_ns()); /* a busy host delivers late */
    return READ_ONCE(irq_counts.timers) - before;
}

/*
 * Set up the clock of this CPU again and expect the timer to be disarmed and to work, also after
 * its registers were overwritten. Several attempts, because the kernel's own timers may be due: one
 * whose interrupt is pending already, or one that a driver's thread starts.
 */
static void set_up_and_use(void (*set_up)(void))
{
    u64 before, interrupts = 1;

    for (int i = 0; i < 5 && interrupts; i++)
        interrupts = interrupts_after(set_up);
    EXPECT_EQ(interrupts, 0);
    before = READ_ONCE(irq_counts.timers);
    kernel_timers_rearm();
    EXPECT(sleep_until_timer_interrupt(before));
}

/* Wrappers, because the address of an op must not be taken (tools/build/sites.py). */
static void set_up_boot_clock(void)
{
    pv_setup_boot_clock();
}

static void set_up_secondary_clock(void)
{
    pv_setup_secondary_clock();
}

TEST(apic, boot_clock_can_be_set_up_again, setup_boot_clock)
{
    set_up_and_use(set_up_boot_clock);
}

TEST(apic, secondary_clock_set_up_makes_the_timer_work, setup_secondary_clock)
{
    set_up_and_use(set_up_secondary_clock);
}
