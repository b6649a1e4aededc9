/* SPDX-License-Identifier: MIT */
/*
 * User mode, as a call: user_run enters it with given registers, and returns when a system call, an
 * exception or int leaves it. The current address space decides what the code there can access.
 */
#ifndef KERNEL_USER_H
#define KERNEL_USER_H

#include "kernel/trap.h"

struct thread;

/* The instruction that enters user mode. */
enum user_entry {
    USER_BY_IRET,
    USER_BY_SYSRET,
};

/* How user mode was left. */
struct user_exit {
    u64 fault_address; /* of a page fault */
    u64 stack;         /* top of the kernel stack on which the trap arrived */
    u64 sp0;           /* what stack should be: the argument of the last load_sp0 */
    bool refused;      /* iret or sysret faulted in the kernel: the frame was invalid */
};

/*
 * Enter user mode with the registers of *frame. Return when it is left, with its registers in
 * *frame; frame->vector is the exception's vector, or VECTOR_SYSCALL and the like. The caller sets
 * cs and ss (USER_CS, USER_DS). User mode runs with the interrupt flag of frame->rflags; interrupts
 * are handled and do not end it. On return the interrupt flag and the thread's %fs base are as
 * before the call. Context: thread, not nested.
 */
struct user_exit user_run(struct trap_frame *frame, enum user_entry entry);

/* A test's function, or NULL: each callback that ends a user_run calls it. */
extern void (*user_left_hook)(const struct trap_frame *frame);

/* A user_run in progress, on the stack of its thread. */
struct user_state {
    struct trap_handler handler; /* ends it */
    struct trap_frame *frame;    /* the caller's */
    struct user_exit exit;
    u64 sp;               /* where the kernel's stack begins when user mode is left */
    u64 fs_base, gs_base; /* user mode's, while the thread is switched away from */
};

/*
 * Save and load what a context switch does not (kernel/sched.c): user mode's stack for entries and
 * segment bases, or the thread-local storage of a program's thread. Interrupts are disabled.
 */
void user_switch_out(const struct thread *thread);
void user_switch_in(const struct thread *thread);

/* user_enter.S: save the registers of the caller in *regs, then call user_go. */
void user_enter(struct callee_saved *regs, struct trap_frame *frame, enum user_entry entry);
void user_go(struct trap_frame *frame, enum user_entry entry, u64 sp);

#endif
