/* SPDX-License-Identifier: MIT */
/*
 * A thread that sends an IPI is preempted at each instruction of the op and continues on another
 * CPU. The IPI still arrives at the CPU to which it was sent. (A local APIC that takes the
 * destination and the command by two writes would send to the destination of an earlier IPI if the
 * thread moved between them.)
 */
#include "kernel/irq.h"
#include "test/harness/cpus.h"
#include "test/harness/step.h"

enum { ROUNDS_MAX = 1000, ROUNDS_S = 60 };

static struct {
    u32 round;     /* the thread moves before the instruction with this number, or a later one */
    bool moves;    /* it has been preempted, and is to move */
    bool sent;     /* it has sent the IPI */
    u32 moved;     /* rounds in which it continued on another CPU */
    u32 misled;    /* IPIs that did not arrive at CPU 1 */
    u32 delivered; /* IPIs that did */
} sender;

static void count_arrival(void)
{
    __atomic_fetch_add(pv_this_cpu() == 1 ? &sender.delivered : &sender.misled, 1,
                       __ATOMIC_SEQ_CST);
}

static void preempt_once(struct steps *steps, struct trap_frame *frame)
{
    if (sender.moves)
        steps->over = true;
    else if (steps->count >= sender.round && step_may_yield(frame)) {
        WRITE_ONCE(sender.moves, true);
        step_yield(steps, frame);
    }
}

static void send_to_cpu_1(void *arg)
{
    (void)arg;
    EXPECT_EQ(pv_send_ipi(1, PV_IPI_STOP), 0);
}

static void step_and_send(void *arg)
{
    struct steps steps = {.between = preempt_once};

    (void)arg;
    step_through(&steps, send_to_cpu_1, NULL);
    WRITE_ONCE(sender.sent, true);
}

/* Keep CPU 1 busy, so that it does not take the sender from CPU 0's queue before that moves. */
static void hold_cpu_1(void *arg)
{
    (void)arg;
    while (!READ_ONCE(sender.moves) && !READ_ONCE(sender.sent))
        __builtin_ia32_pause();
}

/*
 * Wait until another CPU has taken the thread; return false if it ran on CPU 0 to its end, because
 * the others did not look in time.
 */
static bool is_taken(const struct thread *thread)
{
    pv_send_ipi(1, PV_IPI_RESCHEDULE);
    while (READ_ONCE(thread->cpu) == &cpus[0] && !READ_ONCE(sender.sent))
        __builtin_ia32_pause();
    return READ_ONCE(thread->cpu) != &cpus[0];
}

static void send_and_move(void)
{
    struct thread *holder, *thread;

    WRITE_ONCE(sender.moves, false);
    WRITE_ONCE(sender.sent, false);
    holder = thread_start("holder", 1, hold_cpu_1, NULL);
    REQUIRE(holder);
    while (READ_ONCE(cpus[1].thread) != holder)
        __builtin_ia32_pause();
    thread = thread_start("sender", THREAD_ANY_CPU, step_and_send, NULL);
    REQUIRE(thread);
    while (!READ_ONCE(sender.sent) && !READ_ONCE(sender.moves))
        thread_yield();
    if (READ_ONCE(sender.moves))
        sender.moved += is_taken(thread);
    thread_join(thread);
    thread_join(holder);
}

/* This thread is bound to CPU 0, where it starts the sender and runs when that is preempted. */
TEST(smp, a_sender_may_move_to_another_cpu, send_ipi)
{
    const u64 end = pv_clock_ns() + ROUNDS_S * NS_PER_S;

    NEEDS_CPUS(2);
    sender.moved = sender.misled = sender.delivered = 0;
    irq_set_ipi_handler(PV_IPI_STOP, count_arrival);
    for (sender.round = 0; sender.round < ROUNDS_MAX && pv_clock_ns() < end; sender.round++) {
        send_and_move();
        if (!sender.moves)
            break;
    }
    irq_set_ipi_handler(PV_IPI_STOP, NULL);
    print("# %u moves, %u IPIs delivered\n", sender.moved, sender.delivered);
    EXPECT(sender.moved > 0);
    EXPECT_EQ(sender.misled, 0);
}
