/* SPDX-License-Identifier: MIT */
/*
 * Delivery under stress: no interrupt is lost, and none is delivered while interrupts are disabled,
 * at whatever point of disabling, enabling, unmasking and halting it is raised. Then IPIs and the
 * waits of locks, on one CPU that sends to itself.
 */
#include "kernel/trap.h"
#include "pv/x86.h"
#include "test/harness/lines.h"
#include "test/harness/step.h"

/* Raise a line while interrupts are disabled, or (way 3) while it is masked, then open it again. */
static void raise_closed(struct test_line *line, u32 way)
{
    const u64 flags = pv_save_fl();

    if (way == 3)
        pv_irq_mask(line->line);
    else
        pv_irq_disable();
    WRITE_ONCE(line->closed, true);
    pv_irq_raise(line->line);
    WRITE_ONCE(line->closed, false);
    if (way == 3)
        pv_irq_unmask(line->line);
    else if (way == 2)
        pv_restore_fl(flags);
    else
        pv_irq_enable();
}

void raise_stress(struct stress stress)
{
    struct test_line line = {0};

    REQUIRE(test_line_open(&line));
    while (stress_continues(&stress)) {
        if (stress.done % 4 == 0)
            pv_irq_raise(line.line);
        else
            raise_closed(&line, stress.done % 4);
        if (READ_ONCE(line.hits) != stress.done && !test_line_hits(&line, stress.done))
            break;
    }
    EXPECT_EQ(line.hits, stress.done);
    EXPECT_EQ(line.intrusions, 0);
    print("# %u raised, %u delivered, %u while closed\n", stress.done, line.hits, line.intrusions);
    test_line_close(&line);
}

SOAK_TEST(events, interrupts_are_delivered_once_under_stress, irq_raise, irq_disable, irq_enable,
          restore_fl, irq_mask, irq_unmask)
{
    raise_stress((struct stress){.normal = 100000});
}

/*
 * A timer whose interrupt is delivered at a random instruction of a loop that disables and enables.
 */
struct shot {
    struct timer timer;
    bool fired, closed;
    u32 intrusions, early;
};

static void on_shot(struct timer *timer)
{
    struct shot *shot = (struct shot *)timer;

    shot->intrusions += READ_ONCE(shot->closed);
    shot->early += pv_clock_ns() < timer->deadline;
    WRITE_ONCE(shot->fired, true);
}

static bool wait_open_and_closed(struct shot *shot)
{
    struct time_limit limit = time_limit(10 * NS_PER_S);

    while (!READ_ONCE(shot->fired) && !time_limit_reached(&limit))
        for (int i = 0; i < 16; i++) {
            const u64 flags = pv_save_fl();

            pv_irq_disable();
            WRITE_ONCE(shot->closed, true);
            barrier();
            WRITE_ONCE(shot->closed, false);
            if (i % 2)
                pv_irq_enable();
            else
                pv_restore_fl(flags);
        }
    return READ_ONCE(shot->fired);
}

SOAK_TEST(events, timers_are_delivered_once_under_stress, timer_set, irq_disable, irq_enable,
          restore_fl)
{
    struct stress stress = {.normal = 20000};
    struct shot shot = {0};
    u32 came = 0;

    while (stress_continues(&stress)) {
        WRITE_ONCE(shot.fired, false);
        timer_start(&shot.timer, pv_clock_ns() + stress.done * 37 % 8000, on_shot);
        if (!wait_open_and_closed(&shot))
            break;
        came++;
    }
    timer_stop(&shot.timer);
    EXPECT_EQ(came, stress.done);
    EXPECT_EQ(shot.intrusions, 0);
    EXPECT_EQ(shot.early, 0);
    print("# %u timers, %u came, %u while closed\n", stress.done, came, shot.intrusions);
}

/* The guard's timer ends a halt whose interrupt was lost. */
static void on_guard(struct timer *timer)
{
    (void)timer;
}

static bool halt_until_fired(struct shot *shot, u64 delta)
{
    struct timer guard = {0};
    const u64 begin = pv_clock_ns();

    timer_start(&guard, begin + 10 * NS_PER_S, on_guard);
    WRITE_ONCE(shot->fired, false);
    timer_start(&shot->timer, begin + delta, on_shot);
    pv_irq_disable();
    while (!READ_ONCE(shot->fired) && guard.queued) {
        pv_safe_halt();
        EXPECT(pv_save_fl() & PV_FLAG_IF);
        pv_irq_disable();
    }
    pv_irq_enable();
    return timer_stop(&guard);
}

SOAK_TEST(events, every_halt_ends_under_stress, safe_halt, timer_set)
{
    struct stress stress = {.normal = 5000};
    struct shot shot = {0};
    u32 woken = 0;

    while (stress_continues(&stress)) {
        if (!halt_until_fired(&shot, stress.done * 37 % 20000))
            break;
        woken++;
    }
    timer_stop(&shot.timer);
    EXPECT_EQ(woken, stress.done);
    EXPECT_EQ(shot.early, 0);
    print("# %u halts, %u ended by their timer\n", stress.done, woken);
}

/*
 * Do something at each instruction of a sequence of ops (a "way"): the CPU steps to the chosen
 * instruction, acts there, and runs the rest without stepping.
 */
static u8 outer_byte, inner_byte; /* two locks */

static struct {
    u32 steps, act_at, hits_before;
    void (*act)(void);
    struct test_line line;
    struct timer guard; /* ends a halt that nothing else ends */
    bool in_time;       /* the way ended before the guard fired */
} stepping;

static bool on_step(struct trap_frame *frame)
{
    if (stepping.steps++ < stepping.act_at)
        return true;
    frame->rflags &= ~RFLAGS_TF;
    stepping.in_time = pv_clock_ns() < stepping.guard.deadline;
    stepping.act();
    return true;
}

/* Return false if the way has fewer instructions up to its halt. */
static bool act_on_the_way(void (*way)(void), u32 act_at)
{
    const u32 hits = READ_ONCE(stepping.line.hits);

    stepping.hits_before = hits;
    outer_byte = inner_byte = 1;
    stepping.steps = 0;
    stepping.act_at = act_at;
    stepping.in_time = false;
    timer_start(&stepping.guard, pv_clock_ns() + NS_PER_S, on_guard);
    set_trap_flag(RFLAGS_TF, ~0ull);
    way();
    set_trap_flag(0, ~RFLAGS_TF);
    /* Wait without an op: it could complete what the way left undone. */
    for (u32 i = 0; stepping.in_time && i < 2000 && READ_ONCE(stepping.line.hits) == hits; i++)
        barrier();
    if (stepping.in_time) {
        EXPECT_EQ(READ_ONCE(stepping.line.hits), hits + 1);
        EXPECT(stepping.guard.queued);
    }
    pv_irq_enable();
    timer_stop(&stepping.guard);
    return stepping.in_time && test_line_hits(&stepping.line, hits + 1);
}

static void act_at_each_instruction(const char *name, void (*way)(void), void (*act)(void))
{
    u32 at = 0;

    stepping.line = (struct test_line){0};
    stepping.act = act;
    REQUIRE(test_line_open(&stepping.line));
    debug_hook = on_step;
    while (at < 1000 && act_on_the_way(way, at))
        at++;
    debug_hook = NULL;
    pv_irq_unmask(stepping.line.line);
    EXPECT(at > 3);
    EXPECT(at < 1000);
    print("# %s: interrupted at each of %u instructions\n", name, at);
    test_line_close(&stepping.line);
}

static void raise_line(void)
{
    pv_irq_raise(stepping.line.line);
}

static void way_enable(void)
{
    pv_irq_disable();
    pv_irq_enable();
}

static void way_restore(void)
{
    pv_irq_disable();
    pv_restore_fl(PV_FLAG_IF);
}

static void way_unmask(void)
{
    pv_irq_mask(stepping.line.line);
    pv_irq_unmask(stepping.line.line);
}

TEST(events, raised_at_each_instruction_of_enabling, irq_enable, restore_fl, irq_disable)
{
    act_at_each_instruction("irq_enable", way_enable, raise_line);
    act_at_each_instruction("restore_fl", way_restore, raise_line);
}

/*
 * If the line is raised before interrupts are disabled, its interrupt has been handled and only the
 * guard could end the halt.
 */
static void way_halt_if_nothing_came(void)
{
    pv_irq_disable();
    if (READ_ONCE(stepping.line.hits) == stepping.hits_before)
        pv_safe_halt();
}

TEST(events, raised_at_each_instruction_of_halting, safe_halt)
{
    act_at_each_instruction("safe_halt", way_halt_if_nothing_came, raise_line);
}

TEST(events, raised_at_each_instruction_of_unmasking, irq_unmask, irq_mask)
{
    act_at_each_instruction("irq_unmask", way_unmask, raise_line);
}

/*
 * At each instruction of a wait, a handler frees the lock, kicks its waiter, and then waits for
 * another lock: the inner wait must not consume the outer one's kick.
 */
static void free_kick_and_wait(void)
{
    WRITE_ONCE(outer_byte, 0);
    pv_lock_kick(0);
    pv_lock_wait(&inner_byte, 1);
    raise_line();
}

/* The waiter cannot be preempted, as if it held another lock, but it can be interrupted. */
static void way_wait(void)
{
    pv_count_spinlock(1);
    for (int i = 0; i < 2 && READ_ONCE(outer_byte) == 1; i++) /* on bare metal a wait is short */
        pv_lock_wait(&outer_byte, 1);
    pv_count_spinlock(-1);
}

TEST(events, nested_wait_leaves_the_outer_its_kick, lock_wait, lock_kick)
{
    act_at_each_instruction("lock_wait", way_wait, free_kick_and_wait);
}

/*
 * Load a pattern into every register, wait for *flag, and return how many registers have changed
 * (test/harness/registers.S).
 */
u64 wait_with_patterns(const bool *flag);

TEST(events, interrupts_change_no_register, timer_set)
{
    struct shot shot = {0};
    u64 changed = 0;

    for (u32 i = 0; i < 500; i++) {
        WRITE_ONCE(shot.fired, false);
        timer_start(&shot.timer, pv_clock_ns() + 20 * NS_PER_US, on_shot);
        changed += wait_with_patterns(&shot.fired);
    }
    EXPECT_EQ(changed, 0);
}

TEST(events, halt_with_a_pending_interrupt_ends_at_once, safe_halt)
{
    struct test_line line = {0};
    struct timer guard = {0};

    REQUIRE(test_line_open(&line));
    for (u32 i = 1; i <= 100; i++) {
        pv_irq_disable();
        timer_start(&guard, pv_clock_ns() + 10 * NS_PER_S, on_guard);
        EXPECT_EQ(pv_irq_raise(line.line), 0);
        pv_safe_halt();
        REQUIRE(guard.queued);
        EXPECT(test_line_hits(&line, i));
    }
    timer_stop(&guard);
    test_line_close(&line);
}

/* Raise the line between sti and hlt, where the CPU accepts only a debug exception. */
static bool raise_before_halt(struct trap_frame *frame)
{
    frame->rflags |= RFLAGS_RF;
    pv_set_debugreg(6, DR6_FIXED);
    raise_line();
    return true;
}

static u64 address_of_hlt(void)
{
    const u8 *code = (const u8 *)pv_ops.flag.safe_halt;

    for (u32 i = 0; i < 64; i++)
        if (code[i] == 0xfb && code[i + 1] == 0xf4)
            return (u64)&code[i + 1];
    return 0;
}

TEST(events, interrupt_just_before_the_halt_ends_it, safe_halt)
{
    const u64 hlt = address_of_hlt();
    struct timer guard = {0};

    if (!hlt)
        SKIP("this backend's safe_halt is not sti and hlt");
    stepping.line = (struct test_line){0};
    REQUIRE(test_line_open(&stepping.line));
    debug_hook = raise_before_halt;
    timer_start(&guard, pv_clock_ns() + 10 * NS_PER_S, on_guard);
    pv_irq_disable();
    EXPECT_EQ(pv_set_debugreg(0, hlt), 0);
    EXPECT_EQ(pv_set_debugreg(7, DR7_ENABLE(0) | DR7_EXECUTE(0)), 0);
    pv_safe_halt();
    EXPECT(timer_stop(&guard));
    INTERRUPTS_OFF
    EXPECT_EQ(pv_set_debugreg(7, DR7_FIXED), 0);
    debug_hook = NULL;
    EXPECT(test_line_hits(&stepping.line, 1));
    test_line_close(&stepping.line);
}

static u32 ipis[PV_NR_IPIS];

static void on_reschedule(void)
{
    ipis[PV_IPI_RESCHEDULE]++;
}

static void on_call(void)
{
    ipis[PV_IPI_CALL]++;
}

static void on_stop(void)
{
    ipis[PV_IPI_STOP]++;
}

TEST(events, cpu_receives_its_own_ipi, send_ipi)
{
    void (*const handlers[])(void) = {on_reschedule, on_call, on_stop};

    for (u32 kind = 0; kind < PV_NR_IPIS; kind++) {
        irq_set_ipi_handler((enum pv_ipi)kind, handlers[kind]);
        ipis[kind] = 0;
        pv_irq_disable();
        EXPECT_EQ(pv_send_ipi(0, (enum pv_ipi)kind), 0);
        EXPECT_EQ(pv_send_ipi(0, (enum pv_ipi)kind), 0);
        spin(100 * NS_PER_US);
        EXPECT_EQ(READ_ONCE(ipis[kind]), 0);
        pv_irq_enable();
        SPIN_UNTIL(READ_ONCE(ipis[kind]));
        EXPECT_EQ(READ_ONCE(ipis[kind]), 1);
        irq_set_ipi_handler((enum pv_ipi)kind, NULL);
    }
    EXPECT_EQ(pv_send_ipi(4000, PV_IPI_CALL), -EINVAL);
    EXPECT_EQ(pv_send_ipi(0, PV_NR_IPIS), -EINVAL);
}

/* The guard's timer ends a wait that the kick has not ended. */
TEST(events, kick_before_the_wait_ends_it, lock_kick, lock_wait)
{
    struct timer guard = {0};
    const u8 byte = 1;

    for (int i = 0; i < 10; i++) {
        timer_start(&guard, pv_clock_ns() + 10 * NS_PER_S, on_guard);
        pv_irq_disable();
        pv_lock_kick(0);
        pv_lock_wait(&byte, 1);
        pv_irq_enable();
        REQUIRE(guard.queued);
    }
    timer_stop(&guard);
    pv_lock_kick(4000);
}

TEST(events, wait_ends_if_the_lock_is_free, lock_wait)
{
    struct timer guard = {0};
    const u8 byte = 0;

    timer_start(&guard, pv_clock_ns() + 10 * NS_PER_S, on_guard);
    for (int i = 0; i < 10; i++) {
        pv_count_spinlock(1);
        pv_lock_wait(&byte, 1);
        pv_count_spinlock(-1);
    }
    EXPECT(timer_stop(&guard));
}

TEST(events, running_cpu_is_not_preempted, vcpu_is_preempted)
{
    EXPECT(!pv_vcpu_is_preempted(0));
    EXPECT(!pv_vcpu_is_preempted(4000));
}
