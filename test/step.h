/*
 * Stepping: run a piece of code instruction by instruction, and do something between two of them. A
 * race between two CPUs, or between a thread and an interrupt, has a window of a few instructions;
 * stepping opens each window once, on every platform, with one CPU too. Three ways to use it:
 *
 *   look    between checks what another CPU would see at this instruction ("the entry is present").
 *   act     between does what another CPU, or an interrupt, could do at this instruction: change a
 *           word, stop a timer, wait until another CPU has done something. To act at one chosen
 *           instruction at a time, count the steps and repeat the code for each number.
 *   switch  between calls step_yield: the other threads of this CPU run there, as they would after
 *           a preemption at this instruction.
 *
 * test/race.c has one test of each kind. The code that is stepped may contain ops, locks, system
 * calls of a hypervisor, and switches of threads: stepping continues in the thread that is switched
 * to until it restores its own flags. A hlt ends the stepping, because the trap would come between
 * sti and hlt, where the CPU takes no interrupt.
 */
#ifndef TEST_STEP_H
#define TEST_STEP_H

#include "kernel/trap.h"

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
