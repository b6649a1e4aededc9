/* SPDX-License-Identifier: MIT */
/*
 * Interrupt lines and the interrupt flag: an interrupt is pending while its line is masked or the
 * flag is clear, is delivered exactly once afterwards, and never after its line is unbound.
 */
#include "kernel/thread.h"
#include "kernel/trap.h"
#include "test/harness/lines.h"
#include "test/harness/rtc.h"

/* Long enough to notice an interrupt that must not be delivered. */
#define QUIET_NS (200 * NS_PER_US)

TEST(irq, flag_reads_as_it_was_set, save_fl, restore_fl, irq_disable, irq_enable)
{
    EXPECT(pv_save_fl() & PV_FLAG_IF);
    pv_irq_disable();
    EXPECT(!(pv_save_fl() & PV_FLAG_IF));
    pv_irq_disable();
    pv_restore_fl(PV_FLAG_IF);
    EXPECT(pv_save_fl() & PV_FLAG_IF);
    pv_restore_fl(0);
    EXPECT(!(pv_save_fl() & PV_FLAG_IF));
    pv_irq_enable();
    EXPECT(pv_save_fl() & PV_FLAG_IF);
    pv_irq_enable();
}

/*
 * cli and pushf, used instead of the ops. Where cli works, save_fl reports its effect. On Xen PV
 * RFLAGS.IF is not the guest's interrupt flag: cli faults or has no effect, pushf reads Xen's flag,
 * and save_fl still returns the guest's.
 */
TEST(irq, raw_flag_instructions_do_not_mislead, save_fl, irq_enable)
{
    struct fault fault = {0};
    u64 raw = 0;

    PV_TRY(fault)
    {
        __asm__ volatile("cli" ::: "memory");
    }
    __asm__ volatile("pushfq; popq %0" : "=r"(raw) : : "memory");
    if (pv_kernel_cs() & 3 || fault.caught || raw & PV_FLAG_IF)
        EXPECT(pv_save_fl() & PV_FLAG_IF);
    else
        EXPECT(!(pv_save_fl() & PV_FLAG_IF));
    pv_irq_enable();
    print("# cli %s, pushf then shows IF=%d\n", fault.caught ? "faults" : "does not fault",
          !!(raw & PV_FLAG_IF));
}

TEST(irq, interrupt_is_pending_while_the_flag_is_clear, irq_init, irq_bind, irq_raise, irq_eoi,
     irq_disable, irq_enable)
{
    struct test_line line = {0};

    REQUIRE(test_line_open(&line));
    for (u32 i = 1; i <= 3; i++) {
        pv_irq_disable();
        EXPECT_EQ(pv_irq_raise(line.line), 0);
        spin(QUIET_NS);
        EXPECT_EQ(READ_ONCE(line.hits), i - 1);
        pv_irq_enable();
        EXPECT(test_line_hits(&line, i));
    }
    spin(QUIET_NS);
    EXPECT_EQ(READ_ONCE(line.hits), 3);
    test_line_close(&line);
}

TEST(irq, restoring_the_flag_delivers, save_fl, restore_fl)
{
    struct test_line line = {0};
    u64 flags;

    REQUIRE(test_line_open(&line));
    flags = pv_save_fl();
    pv_irq_disable();
    EXPECT_EQ(pv_irq_raise(line.line), 0);
    pv_restore_fl(pv_save_fl());
    spin(QUIET_NS);
    EXPECT_EQ(READ_ONCE(line.hits), 0);
    pv_restore_fl(flags);
    EXPECT(test_line_hits(&line, 1));
    test_line_close(&line);
}

TEST(irq, masked_line_keeps_its_interrupt_pending, irq_mask, irq_unmask)
{
    struct test_line line = {0};

    REQUIRE(test_line_open(&line));
    EXPECT_EQ(pv_irq_mask(line.line), 0);
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(pv_irq_raise(line.line), 0);
    spin(QUIET_NS);
    EXPECT_EQ(READ_ONCE(line.hits), 0);
    EXPECT_EQ(pv_irq_unmask(line.line), 0);
    EXPECT(test_line_hits(&line, 1));
    EXPECT_EQ(pv_irq_mask(line.line), 0);
    EXPECT_EQ(pv_irq_unmask(line.line), 0);
    spin(QUIET_NS);
    EXPECT_EQ(READ_ONCE(line.hits), 1);
    test_line_close(&line);
}

/* Mask each of two lines in turn: the other one's interrupts are delivered. */
TEST(irq, masking_a_line_masks_no_other, irq_mask, irq_unmask, irq_raise)
{
    struct test_line lines[2] = {0};

    REQUIRE(test_line_open(&lines[0]) && test_line_open(&lines[1]));
    for (u32 masked = 0; masked < 2; masked++) {
        struct test_line *quiet = &lines[masked], *other = &lines[!masked];

        quiet->hits = other->hits = 0;
        EXPECT_EQ(pv_irq_mask(quiet->line), 0);
        EXPECT_EQ(pv_irq_raise(quiet->line), 0);
        EXPECT_EQ(pv_irq_raise(other->line), 0);
        EXPECT(test_line_hits(other, 1));
        spin(QUIET_NS);
        EXPECT_EQ(READ_ONCE(quiet->hits), 0);
        EXPECT_EQ(pv_irq_unmask(quiet->line), 0);
        EXPECT(test_line_hits(quiet, 1));
    }
    test_line_close(&lines[0]);
    test_line_close(&lines[1]);
}

TEST(irq, new_line_starts_masked, irq_bind)
{
    const int line = pv_irq_bind(PV_IRQ_SOFT, 0);
    const u64 unexpected = irq_counts.unexpected;

    REQUIRE(line >= 0);
    EXPECT_EQ(pv_irq_raise((u32)line), 0);
    spin(QUIET_NS);
    EXPECT_EQ(irq_counts.unexpected, unexpected);
    EXPECT_EQ(pv_irq_unmask((u32)line), 0);
    SPIN_UNTIL(READ_ONCE(irq_counts.unexpected) > unexpected);
    EXPECT_EQ(irq_counts.unexpected, unexpected + 1);
    EXPECT_EQ(pv_irq_unbind((u32)line), 0);
}

TEST(irq, pending_interrupts_of_a_line_merge, irq_raise)
{
    struct test_line line = {0};

    REQUIRE(test_line_open(&line));
    pv_irq_disable();
    for (int i = 0; i < 5; i++)
        EXPECT_EQ(pv_irq_raise(line.line), 0);
    pv_irq_enable();
    EXPECT(test_line_hits(&line, 1));
    spin(QUIET_NS);
    EXPECT_EQ(READ_ONCE(line.hits), 1);
    test_line_close(&line);
}

/*
 * The nesting that the handler observed: the second interrupt must start after the first has ended.
 */
static u32 depth, deepest;

static void raise_again(struct test_line *line)
{
    depth++;
    deepest = MAX(deepest, depth);
    if (line->hits < 3)
        EXPECT_EQ(pv_irq_raise(line->line), 0);
    spin(NS_PER_US);
    depth--;
}

TEST(irq, interrupt_raised_in_its_handler_follows_it, irq_raise, irq_eoi)
{
    struct test_line line = {.during = raise_again};

    deepest = 0;
    REQUIRE(test_line_open(&line));
    EXPECT_EQ(pv_irq_raise(line.line), 0);
    EXPECT(test_line_hits(&line, 3));
    EXPECT_EQ(deepest, 1);
    test_line_close(&line);
}

static void mask_self(struct test_line *line)
{
    EXPECT_EQ(pv_irq_mask(line->line), 0);
    EXPECT_EQ(pv_irq_raise(line->line), 0);
}

TEST(irq, handler_may_mask_its_line, irq_mask, irq_unmask)
{
    struct test_line line = {.during = mask_self};

    REQUIRE(test_line_open(&line));
    EXPECT_EQ(pv_irq_raise(line.line), 0);
    EXPECT(test_line_hits(&line, 1));
    spin(QUIET_NS);
    EXPECT_EQ(READ_ONCE(line.hits), 1);
    line.during = NULL;
    EXPECT_EQ(pv_irq_unmask(line.line), 0);
    EXPECT(test_line_hits(&line, 2));
    test_line_close(&line);
}

/* Both lines are pending: the handler of the first masks the second. */
static struct test_line pair[2];

static void mask_other(struct test_line *line)
{
    EXPECT_EQ(pv_irq_mask(pair[line == &pair[0]].line), 0);
}

TEST(irq, handler_may_mask_another_pending_line, irq_mask)
{
    for (int i = 0; i < 2; i++) {
        pair[i] = (struct test_line){.during = mask_other};
        REQUIRE(test_line_open(&pair[i]));
    }
    pv_irq_disable();
    EXPECT_EQ(pv_irq_raise(pair[0].line), 0);
    EXPECT_EQ(pv_irq_raise(pair[1].line), 0);
    pv_irq_enable();
    SPIN_UNTIL(READ_ONCE(pair[0].hits) + READ_ONCE(pair[1].hits));
    spin(QUIET_NS);
    EXPECT_EQ(READ_ONCE(pair[0].hits) + READ_ONCE(pair[1].hits), 1);
    for (int i = 0; i < 2; i++) {
        pair[i].during = NULL;
        EXPECT_EQ(pv_irq_unmask(pair[i].line), 0);
    }
    EXPECT(test_line_hits(&pair[0], 1));
    EXPECT(test_line_hits(&pair[1], 1));
    test_line_close(&pair[0]);
    test_line_close(&pair[1]);
}

TEST(irq, unbound_line_delivers_nothing, irq_unbind, irq_bind)
{
    struct test_line old = {0}, new = {0};
    const u64 unexpected = irq_counts.unexpected;

    REQUIRE(test_line_open(&old));
    pv_irq_disable();
    EXPECT_EQ(pv_irq_raise(old.line), 0);
    test_line_close(&old);
    REQUIRE(test_line_open(&new));
    pv_irq_enable();
    spin(QUIET_NS);
    EXPECT_EQ(old.hits, 0);
    EXPECT_EQ(READ_ONCE(new.hits), 0);
    EXPECT_EQ(irq_counts.unexpected, unexpected);
    EXPECT_EQ(pv_irq_raise(new.line), 0);
    EXPECT(test_line_hits(&new, 1));
    test_line_close(&new);
}

static void nothing(void *data)
{
    (void)data;
}

TEST(irq, released_line_is_masked, irq_mask, irq_unmask)
{
    const int line = pv_irq_bind(PV_IRQ_SOFT, 0);
    const u64 unexpected = irq_counts.unexpected;

    REQUIRE(line >= 0);
    EXPECT_EQ(irq_request((u32)line, nothing, NULL), 0);
    EXPECT_EQ(irq_release((u32)line), 0);
    EXPECT_EQ(irq_release((u32)line), -EINVAL);
    EXPECT_EQ(pv_irq_raise((u32)line), 0);
    spin(QUIET_NS);
    EXPECT_EQ(irq_counts.unexpected, unexpected);
    EXPECT_EQ(pv_irq_unbind((u32)line), 0);
}

/* The recovery point of the interrupted code, as the interrupt handler sees it. */
static const struct trap_handler *handler_in_interrupt;
static struct fault fault_in_handler;

static void fault_in_between(struct test_line *line)
{
    (void)line;
    handler_in_interrupt = this_thread()->trap_handler;
    PV_TRY(fault_in_handler)
    {
        __asm__ volatile("ud2");
    }
}

/*
 * An exception in a handler does not end the PV_TRY block that it interrupts; the block still
 * catches its own.
 */
TEST(irq, handler_runs_outside_the_interrupted_try_block, irq_raise)
{
    struct test_line line = {.during = fault_in_between};
    struct fault outer = {0};
    volatile bool came = false;

    REQUIRE(test_line_open(&line));
    PV_TRY(outer)
    {
        EXPECT_EQ(pv_irq_raise(line.line), 0);
        came = test_line_hits(&line, 1);
        __asm__ volatile("ud2");
    }
    EXPECT(came);
    EXPECT(!handler_in_interrupt);
    EXPECT(fault_in_handler.caught);
    EXPECT(outer.caught);
    EXPECT(!this_thread()->trap_handler);
    test_line_close(&line);
}

TEST(irq, bad_lines_are_refused, irq_bind, irq_unbind, irq_mask, irq_unmask, irq_raise)
{
    struct test_line line = {0};
    const u32 bad[] = {~0u, 1u << 20, 0};

    REQUIRE(test_line_open(&line));
    EXPECT_EQ(irq_request(line.line, nothing, NULL), -EBUSY);
    test_line_close(&line);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        const u32 absent = bad[i] ? bad[i] : line.line;

        EXPECT_EQ(pv_irq_mask(absent), -EINVAL);
        EXPECT_EQ(pv_irq_unmask(absent), -EINVAL);
        EXPECT_EQ(pv_irq_raise(absent), -EINVAL);
        EXPECT_EQ(pv_irq_unbind(absent), -EINVAL);
        for (u32 tries = 0; tries < 2; tries++)
            EXPECT_EQ(irq_request(absent, nothing, NULL), absent < 8192 ? -EINVAL : -ENOSPC);
        EXPECT_EQ(irq_release(absent), -EINVAL);
    }
    EXPECT_EQ(pv_irq_bind(PV_IRQ_SOFT, 1), -EINVAL);
    EXPECT_EQ(pv_irq_bind(PV_IRQ_ISA, 16), -EINVAL);
    EXPECT_EQ(pv_irq_bind(PV_IRQ_GSI, 1u << 20), -ENODEV);
    EXPECT_EQ(pv_irq_bind(PV_IRQ_CONSOLE, 1), -EINVAL);
    EXPECT_EQ(pv_irq_bind((enum pv_irq_source)77, 0), -EINVAL);
}

TEST(irq, many_lines_work_at_once, irq_bind, irq_raise)
{
    static struct test_line lines[64];
    u32 opened = 0;

    while (opened < ARRAY_SIZE(lines)) {
        lines[opened] = (struct test_line){0};
        REQUIRE(test_line_open(&lines[opened]));
        opened++;
    }
    pv_irq_disable();
    for (u32 i = 0; i < opened; i++)
        EXPECT_EQ(pv_irq_raise(lines[i].line), 0);
    pv_irq_enable();
    for (u32 i = 0; i < opened; i++) {
        EXPECT(test_line_hits(&lines[i], 1));
        test_line_close(&lines[i]);
    }
}

/*
 * A real device: the periodic interrupt of the real-time clock. Its rate is known, so this also
 * checks that the clock counts nanoseconds. A busy host can delay a measurement, so the shortest of
 * several is compared.
 */
enum {
    BEATS = 8,
    BEATS_NS = BEATS * 1000000000ull / 128,
};

static u64 first_beat, last_beat;
static u32 beats;

static void count_beat(void *data)
{
    (void)data;
    rtc_end_beat();
    if (!beats)
        first_beat = pv_clock_ns();
    if (beats++ == BEATS)
        last_beat = pv_clock_ns();
}

static bool enough_beats(void)
{
    WRITE_ONCE(beats, 0);
    return SPIN_UNTIL(READ_ONCE(beats) > BEATS);
}

/*
 * Return the shortest time of several runs: a busy host misses beats, which lengthens a run. Repeat
 * while even the shortest is too long.
 */
static u64 shortest_run(void)
{
    u64 least = ~0ull;

    for (u32 run = 0; run < 200 && (run < 4 || least > BEATS_NS * 5 / 4); run++) {
        if (!EXPECT(enough_beats()))
            break;
        least = MIN(least, last_beat - first_beat);
    }
    return least;
}

TEST(irq, device_interrupts_at_its_rate, irq_bind, irq_eoi, clock_ns, time_init)
{
    const int line = pv_irq_bind(PV_IRQ_ISA, RTC_IRQ);
    u64 shortest;

    if (line == -ENODEV)
        SKIP("%s", !on_bare_metal() ? "the platform gives this guest no device's interrupt"
                                    : "no I/O APIC receives the RTC's interrupt");
    REQUIRE(line >= 0);
    EXPECT_EQ(pv_irq_bind(PV_IRQ_ISA, RTC_IRQ), -EBUSY);
    if (!rtc_exists()) {
        EXPECT_EQ(pv_irq_unbind((u32)line), 0);
        SKIP("this machine has no real-time clock");
    }
    EXPECT_EQ(irq_request((u32)line, count_beat, NULL), 0);
    rtc_start_beats(RTC_128_HZ);
    shortest = shortest_run();
    rtc_stop_beats();
    EXPECT(shortest > BEATS_NS * 3 / 4 && shortest < BEATS_NS * 7 / 4);
    print("# %d beats of the RTC, %llu us, took %llu us\n", BEATS, BEATS_NS / 1000ull,
          (unsigned long long)(shortest / 1000));
    EXPECT_EQ(irq_release((u32)line), 0);
    EXPECT_EQ(pv_irq_unbind((u32)line), 0);
}

/*
 * The same rules in the group "wide", so that a run of this group alone, with either event-channel
 * ABI, covers them too.
 */
TEST(wide, lines_obey_the_same_rules, irq_mask, irq_unmask, irq_unbind, irq_eoi)
{
    test_irq_interrupt_is_pending_while_the_flag_is_clear();
    test_irq_masked_line_keeps_its_interrupt_pending();
    test_irq_pending_interrupts_of_a_line_merge();
    test_irq_interrupt_raised_in_its_handler_follows_it();
    test_irq_handler_may_mask_its_line();
    test_irq_handler_may_mask_another_pending_line();
    test_irq_unbound_line_delivers_nothing();
    test_irq_many_lines_work_at_once();
}
