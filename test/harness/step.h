/*
 * Stepping: run a piece of code instruction by instruction, and do something between two of them. A
 * race between two CPUs, or between a thread and an interrupt, has a window of a few instructions;
 * stepping opens each window once, on every platform, with one CPU too. Three ways to use it:
 *
 *   look    between checks what another CPU would see at this instruction ("the entry is present").
 *   act     something is done that another CPU, or an interrupt, could do at this instruction: a
 *           lock is unlocked, a line raised, a page written. step_act_at_each repeats the code for
 *           each instruction and acts there.
 *   switch  between calls step_yield: the other threads of this CPU run there, as they would after
 *           a preemption at this instruction.
 *
 * test/stress/race.c has tests of the first and third kind, race_ops.c, race_lines.c and
 * race_lock.c of the second. The code that is stepped may contain ops, locks, system calls of a
 * hypervisor, and switches of threads: stepping continues in the thread that is switched to until
 * it restores its own flags. User mode ends the stepping, and so does a hlt, because the trap would
 * come between sti and hlt, where the CPU takes no interrupt. An interrupt's handler is not
 * stepped, because the CPU clears RFLAGS.TF on the way in; step_through_interrupt starts inside by
 * a breakpoint.
 */
#ifndef TEST_STEP_H
#define TEST_STEP_H

#include "kernel/trap.h"
#include "test/harness/test.h"

struct steps {
    /*
     * Called before each instruction, from the one after step_through has set RFLAGS.TF to the one
     * before it clears it. Context: exception handler, interrupts disabled; a lock that frame's
     * code may hold MUST NOT be taken (step_may_lock).
     */
    void (*between)(struct steps *steps, struct trap_frame *frame);
    u32 count;     /* calls of between so far; 0 in the first */
    bool over;     /* set by between: the rest of the code runs freely */
    bool returned; /* step_yield's: the instruction is the one for which between was called */
};

struct spinlock;

/* RFLAGS = (RFLAGS | or) & and, in the middle of a function: to set and clear RFLAGS.TF. */
void set_trap_flag(u64 or, u64 and);

/* Run run(arg) and step through it. One at a time. Context: thread. */
void step_through(struct steps *steps, void (*run)(void *arg), void *arg);

/*
 * Run run(arg) and step through the next interrupt that comes in it, from the backend's entry code
 * up to the return. The instructions of the vector's stub before that are left out.
 */
void step_through_interrupt(struct steps *steps, void (*run)(void *arg), void *arg);

/*
 * A race between some code and something else, provoked once at each instruction of the code. Each
 * round calls prepare, runs the code, calls act once before one of its instructions, and calls
 * check after it. The instructions are those that one run without act had; where one is not
 * reached any more, act is not called in its round. act has the context of steps.between.
 */
struct race {
    void (*prepare)(void);
    void (*run)(void *arg);
    bool interrupt; /* the code is the next interrupt that comes in run, instead of run */
    void (*act)(struct trap_frame *frame); /* the frame of the code */
    void (*check)(void);
    bool hold; /* written by the code: act is put off up to the next instruction without it */
    u32 round, acted;
};

/*
 * Step and act as race says; fail the test if the code has fewer instructions than `least`. Where
 * all rounds would take more than two seconds, or the test's share of soak=, some are left out.
 */
void step_act_at_each(struct race *race, u32 least);

/*
 * Ends a test that acts at each instruction of an op, where check=context is in the way: a
 * breakpoint in its wrappers would be in the way to the handler of the breakpoint, too.
 */
#define NEEDS_BARE_OPS \
    if (cmdline.check[0]) \
    SKIP("check=context puts instructions of its own before each op")

/* Whether between may take the lock: no CPU holds it or waits for it. */
bool step_may_lock(const struct spinlock *lock);

/* Whether a preemption is possible here: interrupts are enabled, and no spinlock is held. */
bool step_may_yield(const struct trap_frame *frame);

/*
 * For between: let this CPU's other ready threads run before the next instruction. They run after
 * between has returned, in the context of the code that is stepped, which may continue on another
 * CPU. Only where step_may_yield.
 */
void step_yield(struct steps *steps, struct trap_frame *frame);

#endif
