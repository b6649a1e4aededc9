/* SPDX-License-Identifier: MIT */
/* Exceptions and system calls, and how to survive one on purpose. */
#ifndef KERNEL_TRAP_H
#define KERNEL_TRAP_H

#include "lib/registers.h"
#include "pv/trap_frame.h"

/*
 * A recovery point: what takes the thread's next trap instead of the kernel's panic. PV_TRY and
 * user_run make one each, on their own stack. The trap removes it, calls handle, and resumes the
 * thread with regs: the function that saved them (save_for_caller) returns a second time. handle
 * may read and change the frame before, and is called with interrupts disabled.
 */
struct trap_handler {
    struct callee_saved regs; /* saved by try.S or user_enter.S */
    struct trap_handler *outer;
    void (*handle)(struct trap_handler *handler, struct trap_frame *frame, u64 fault_address);
};

/* Add a recovery point to the calling thread, inside of those that it has; remove the innermost. */
void trap_push(struct trap_handler *handler);
void trap_pop(struct trap_handler *handler);

/* The result of a PV_TRY block. */
struct fault {
    struct trap_handler handler;
    bool caught; /* the block ended by a trap, which the rest describes */
    u64 vector, error, rip;
    u64 address; /* of a page fault */
};

/*
 * A test's handlers of #DB, NMI and the failsafe callback, or NULL. Each returns true if the trap
 * was one that it expects, and may change the frame. Without one, a failsafe callback is ignored.
 */
typedef bool trap_hook(struct trap_frame *frame);
extern trap_hook *debug_hook, *nmi_hook, *failsafe_hook;

/*
 * What the kernel does with traps of a program's code (kernel/app_signal.c), or NULL if no program
 * handles signals. All are called with interrupts disabled.
 */
struct program_traps {
    /* Have the program handle its exception. Return false if it does not. */
    bool (*exception)(struct trap_frame *frame, u64 fault_address);
    /*
     * Have the thread, whose interrupt_wanted is set and whose code an interrupt has interrupted,
     * look for signals. Return false if it cannot at this instruction.
     */
    bool (*interrupt)(struct trap_frame *frame);
    /* Have the program handle the overflow of its stack. Return if it does not. */
    void (*stack_overflow)(const struct trap_frame *frame);
};

/* Written: once, when a program's first thread starts to use libc. */
extern const struct program_traps *program_traps;

/* Give the backend the kernel's callbacks, and have it deliver exceptions. Context: early. */
void trap_init(void);

/* Return the name of a trap_frame's vector: "#PF" as the manuals write it, "system call", … */
const char *exception_name(u64 vector);

/*
 * PV_TRY(fault) { … } runs the block. An exception in the block, or in a function that it calls,
 * ends it, and fault then describes the exception. The block MUST NOT be left by return, break or
 * goto. Local variables that the block has changed are indeterminate after an exception unless they
 * are volatile. An exception inside a user_access_begin section ends the section.
 */
#define PV_TRY(f) \
    for (bool pv_try_once_ = fault_try(&(f)); pv_try_once_; pv_try_once_ = fault_end(&(f)))

bool fault_try(struct fault *f) __attribute__((returns_twice));
bool fault_end(struct fault *f);

/* Called by try.S, which has saved handler.regs. */
void fault_begin(struct fault *f);

#endif
