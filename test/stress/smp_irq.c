/* SPDX-License-Identifier: MIT */
/*
 * Interrupt lines that one CPU binds and handles while another CPU masks, raises and unmasks them.
 */
#include "lib/string.h"
#include "test/harness/cpus.h"
#include "test/harness/rtc.h"

/* The argument of smp_call, which also returns the result. */
struct remote_line {
    struct test_line line;
    bool opened;
};

static void open_here(void *arg)
{
    struct remote_line *remote = arg;

    remote->opened = test_line_open(&remote->line);
}

/* A thread of CPU 1 that counts; it does not count while CPU 1 handles an interrupt. */
static struct {
    u64 turns;
    bool end;
} spinner;

static void spin_until_end(void *arg)
{
    (void)arg;
    while (!READ_ONCE(spinner.end))
        WRITE_ONCE(spinner.turns, spinner.turns + 1);
}

/*
 * Wait until CPU 1 has been in its interrupt handler for about `looks` polls. Bounded, because the
 * interrupt may be over.
 */
static void wait_for_interrupt(u32 looks)
{
    u64 turns = READ_ONCE(spinner.turns);

    for (u32 i = 0, still = 0; i < 10000 && still < looks; i++) {
        const u64 now = READ_ONCE(spinner.turns);

        still = now == turns ? still + 1 : 0;
        turns = now;
    }
}

/*
 * CPU 1 checks whether the line is masked while CPU 0 unmasks it; the number of polls moves the
 * unmask across that check. Each interrupt is either handled at once or found pending by
 * irq_unmask.
 */
SOAK_TEST(smp, unmask_on_another_cpu_loses_no_interrupt, irq_mask, irq_unmask, irq_raise)
{
    static struct remote_line remote;
    struct stress stress = {.normal = 100000};
    struct thread *thread;
    bool lost = false;

    NEEDS_CPUS(2);
    memset(&remote, 0, sizeof(remote));
    spinner.end = false;
    EXPECT_EQ(smp_call(1, open_here, &remote), 0);
    REQUIRE(remote.opened);
    thread = thread_start("spinner", 1, spin_until_end, NULL);
    while (EXPECT(thread) && !lost && stress_continues(&stress)) {
        EXPECT_EQ(pv_irq_mask(remote.line.line), 0);
        EXPECT_EQ(pv_irq_raise(remote.line.line), 0);
        wait_for_interrupt(stress.done % 64);
        EXPECT_EQ(pv_irq_unmask(remote.line.line), 0);
        lost = !EXPECT(test_line_hits(&remote.line, stress.done));
    }
    print("# %u interrupts raised while masked, %u handled\n", stress.done,
          READ_ONCE(remote.line.hits));
    WRITE_ONCE(spinner.end, true);
    if (thread)
        thread_join(thread);
    test_line_close(&remote.line);
}

/* A level-triggered line for the RTC's pin, which CPU 1 binds and handles. */
static struct {
    int line;
    u32 beats, masked_beats, empty;
    bool closed;
} level;

static void on_level(void *data)
{
    (void)data;
    level.empty += !rtc_end_beat();
    level.masked_beats += READ_ONCE(level.closed);
    WRITE_ONCE(level.beats, level.beats + 1);
}

static void bind_level_here(void *arg)
{
    level.line = pv_irq_bind(PV_IRQ_GSI, RTC_IRQ);
    if (level.line >= 0)
        *(int *)arg = irq_request((u32)level.line, on_level, NULL);
}

static bool beats_again(void)
{
    const u32 before = READ_ONCE(level.beats);

    return SPIN_UNTIL(READ_ONCE(level.beats) != before);
}

static void do_nothing(void *arg)
{
    (void)arg;
}

/*
 * Mask the line and wait. smp_call returns when CPU 1 has left its interrupt handlers, so what it
 * handles afterwards was sent after the mask.
 */
static void mask_and_listen(u64 ns)
{
    EXPECT_EQ(pv_irq_mask((u32)level.line), 0);
    EXPECT_EQ(smp_call(1, do_nothing, NULL), 0);
    WRITE_ONCE(level.closed, true);
    spin(ns);
    WRITE_ONCE(level.closed, false);
    EXPECT_EQ(pv_irq_unmask((u32)level.line), 0);
}

TEST(smp, level_line_masked_on_another_cpu_stays_alive, irq_mask, irq_unmask, irq_bind)
{
    struct stress stress = {.normal = 200};
    bool alive = true;
    int error = 0;

    NEEDS_CPUS(2);
    if (!rtc_exists())
        SKIP("this machine has no real-time clock");
    memset(&level, 0, sizeof(level));
    EXPECT_EQ(smp_call(1, bind_level_here, &error), 0);
    if (level.line == -ENODEV)
        SKIP("no device interrupts this guest");
    REQUIRE(level.line >= 0 && error == 0);
    rtc_start_beats(RTC_1024_HZ);
    while (alive && stress_continues(&stress)) {
        mask_and_listen(stress.done % 4 * 500 * NS_PER_US);
        alive = EXPECT(beats_again());
    }
    /* Mask first: rtc_stop_beats cancels a request, and the handler would find none. */
    EXPECT_EQ(pv_irq_mask((u32)level.line), 0);
    EXPECT_EQ(smp_call(1, do_nothing, NULL), 0);
    rtc_stop_beats();
    print("# %u beats, %u of them while masked, %u without a request\n", level.beats,
          level.masked_beats, level.empty);
    EXPECT_EQ(level.masked_beats, 0);
    EXPECT_EQ(level.empty, 0);
    EXPECT_EQ(irq_release((u32)level.line), 0);
    EXPECT_EQ(pv_irq_unbind((u32)level.line), 0);
}

/* A line that CPU 1 handles slowly. */
static struct {
    int line;
    bool running, done;
} slow;

static void handle_slowly(void *data)
{
    (void)data;
    WRITE_ONCE(slow.running, true);
    spin(20 * NS_PER_MS);
    WRITE_ONCE(slow.done, true);
}

static void bind_slow_here(void *arg)
{
    slow.line = pv_irq_bind(PV_IRQ_SOFT, 0);
    if (slow.line >= 0)
        *(int *)arg = irq_request((u32)slow.line, handle_slowly, NULL);
}

/* The caller may free the handler's argument once irq_release has returned. */
TEST(smp, release_waits_for_the_handler_on_another_cpu, irq_mask)
{
    int error = -1;

    NEEDS_CPUS(2);
    slow.running = slow.done = false;
    EXPECT_EQ(smp_call(1, bind_slow_here, &error), 0);
    REQUIRE(error == 0);
    EXPECT_EQ(pv_irq_raise((u32)slow.line), 0);
    SPIN_UNTIL(READ_ONCE(slow.running));
    EXPECT_EQ(irq_release((u32)slow.line), 0);
    EXPECT(READ_ONCE(slow.done));
    EXPECT_EQ(pv_irq_unbind((u32)slow.line), 0);
}

/* ---- An interrupt that is pending at another CPU ------------------------------------------------
 */

static struct {
    struct test_line line; /* of CPU 1 */
    bool is_open, disabled, may_enable;
    u32 wrong_cpu;
} pending;

static void count_wrong_cpu(struct test_line *line)
{
    (void)line;
    pending.wrong_cpu += pv_this_cpu() != 1;
}

static void keep_interrupt_pending(void *arg)
{
    (void)arg;
    pending.is_open = test_line_open(&pending.line);
    pending.line.during = count_wrong_cpu;
    INTERRUPTS_OFF
    {
        __atomic_store_n(&pending.disabled, true, __ATOMIC_SEQ_CST);
        while (!__atomic_load_n(&pending.may_enable, __ATOMIC_SEQ_CST))
            __builtin_ia32_pause();
    }
    EXPECT(test_line_hits(&pending.line, 1));
    if (pending.is_open)
        test_line_close(&pending.line);
}

/* CPU 0 handles an interrupt of its own while one of CPU 1's is pending there. */
TEST(smp, pending_interrupt_is_left_to_its_cpu, irq_raise, irq_bind)
{
    struct test_line own = {0};
    struct thread *other;

    NEEDS_CPUS(2);
    memset(&pending, 0, sizeof(pending));
    other = thread_start("pending", 1, keep_interrupt_pending, NULL);
    REQUIRE(other);
    while (!__atomic_load_n(&pending.disabled, __ATOMIC_SEQ_CST))
        __builtin_ia32_pause();
    if (test_line_open(&own)) {
        EXPECT_EQ(pv_irq_raise(pending.line.line), 0);
        EXPECT_EQ(pv_irq_raise(own.line), 0);
        EXPECT(test_line_hits(&own, 1));
        test_line_close(&own);
    }
    EXPECT_EQ(READ_ONCE(pending.line.hits), 0);
    __atomic_store_n(&pending.may_enable, true, __ATOMIC_SEQ_CST);
    thread_join(other);
    EXPECT_EQ(pending.wrong_cpu, 0);
}
