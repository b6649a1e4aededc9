/* SPDX-License-Identifier: MIT */
/*
 * Stepping: run code one instruction at a time and do something between two of them. A race between
 * two CPUs, or between a thread and an interrupt, has a window of a few instructions. Stepping
 * opens each window once, on every platform, also with one CPU. There are three ways to use it:
 *
 *   look    `between` checks what another CPU would see at this instruction ("the entry is
 *           present").
 *   act     The test does what another CPU or an interrupt could do at this instruction: unlock
 *           a lock, raise a line, write a page. step_act_at_each repeats the code once for each
 *           instruction and acts there.
 *   switch  `between` calls step_yield: the other threads of this CPU run there, as they would
 *           after a preemption at this instruction.
 *
 * test/stress/race.c has tests of the first and third kind; race_ops.c, race_lines.c and
 * race_lock.c have tests of the second.
 *
 * The code that is stepped may contain ops, locks, hypercalls and switches of threads: stepping
 * continues in the new thread until that thread restores its own flags. Entering user mode ends the
 * stepping. So does hlt, because the debug exception would be taken between sti and hlt, where the
 * CPU accepts no interrupt. An interrupt handler is not stepped, because the CPU clears RFLAGS.TF
 * when it delivers the interrupt; step_through_interrupt starts inside the handler with a
 * breakpoint.
 */
#ifndef TEST_HARNESS_STEP_H
#define TEST_HARNESS_STEP_H

#include "kernel/trap.h"
#include "test/harness/test.h"

struct steps {
    /*
     * Called before each instruction, from the one after step_through has set RFLAGS.TF to the one
     * before it clears it. Context: exception handler, interrupts disabled. It MUST NOT take a lock
     * that the stepped code may hold (step_may_lock).
     */
    void (*between)(struct steps *steps, struct trap_frame *frame);
    u32 count;     /* completed calls of between; 0 during the first */
    bool over;     /* set by between to run the rest of the code without stepping */
    bool returned; /* used by step_yield: between was already called for this instruction */
};

struct spinlock;

/* Set RFLAGS to (RFLAGS | or) & and, in the middle of a function: sets and clears RFLAGS.TF. */
void set_trap_flag(u64 or, u64 and);

/* Run run(arg) and step through it. Only one thread may step at a time. Context: thread. */
void step_through(struct steps *steps, void (*run)(void *arg), void *arg);

/*
 * Run run(arg) and step through the first interrupt that is delivered in it, from the backend's
 * entry code to the return. The instructions of the vector's stub before that are not stepped.
 */
void step_through_interrupt(struct steps *steps, void (*run)(void *arg), void *arg);

/*
 * A race between some code and an action, provoked once at each instruction of the code. Each round
 * calls prepare, runs the code, calls act once before one of its instructions, and calls check
 * after it. The instructions are those that one run without act executed. If a round does not reach
 * its instruction, act is not called in it. act has the context of steps.between.
 */
struct race {
    void (*prepare)(void);
    void (*run)(void *arg);
    bool interrupt; /* the code is the first interrupt delivered during run, not run itself */
    void (*act)(struct trap_frame *frame); /* frame: where the code was interrupted */
    void (*check)(void);
    bool hold; /* set by the code to defer act to the first instruction at which it is clear */
    u32 round, acted;
};

/*
 * Run the race. Fail the test if the code has fewer instructions than `least`. If all rounds would
 * take more than one second, or more than the test's share of soak=, skip some instructions.
 */
void step_act_at_each(struct race *race, u32 least);

/*
 * Skip a test that stops at each instruction of an op if check=context is set. Its wrappers make an
 * op hundreds of instructions longer; they would also run in the debug exception's handler, and hit
 * the same breakpoint there.
 */
#define NEEDS_BARE_OPS \
    if (cmdline.check[0]) \
    SKIP("check=context adds instructions to each op, and this test stops at each of them")

/* Return whether between may take the lock: no CPU holds it or waits for it. */
bool step_may_lock(const struct spinlock *lock);

/*
 * Return whether the code can be preempted here: interrupts are enabled, it holds no spinlock, and
 * stepping continues (the last call of between is after RFLAGS.TF was cleared).
 */
bool step_may_yield(const struct trap_frame *frame);

/*
 * For between: let this CPU's other ready threads run before the next instruction. They run after
 * between has returned, in the context of the stepped code, which may continue on another CPU. Call
 * it only if step_may_yield returns true.
 */
void step_yield(struct steps *steps, struct trap_frame *frame);

#endif
