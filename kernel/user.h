/*
 * User mode, as a call: user_run enters it with given registers and returns when it is left again,
 * by a system call, an exception or int. What the code there may touch is the address space's
 * business.
 */
#ifndef KERNEL_USER_H
#define KERNEL_USER_H

#include "kernel/trap.h"

struct thread;

/* How user mode is entered. */
enum user_entry {
    USER_BY_IRET,
    USER_BY_SYSRET,
};

/* Why it was left. */
struct user_exit {
    u64 fault_address; /* of a page fault */
    u64 stack;         /* where the kernel's stack began when it was left */
    u64 sp0;           /* where it was to begin (load_sp0) */
    bool refused;      /* the way into user mode faulted in the kernel: the frame was refused */
};

/*
 * Enters user mode with the registers of *frame and returns with *frame as user mode left it:
 * vector says how (below 256, or VECTOR_SYSCALL and its like). cs and ss of *frame are the caller's
 * to set (USER_CS, USER_DS). Context: thread. Interrupts are as they were when it returns, while
 * user mode has what frame->rflags says. Interrupts that come meanwhile are handled and do not end
 * it. The thread's own on_switch holds again when it returns, and has been called as after a
 * switch.
 */
struct user_exit user_run(struct trap_frame *frame, enum user_entry entry);

/*
 * If set, called by every callback that ends a user_run, in its context and with its frame: a
 * test's view of the kernel's state there.
 */
extern void (*user_left_hook)(const struct trap_frame *frame);

/*
 * What waits for user mode to end: on the stack of the thread that is there. What it needs of traps
 * and switches the kernel finds by the thread, so an image that never calls user_run need not hold
 * it.
 */
struct user_state {
    struct trap_handler taker;
    u64 sp; /* where the kernel's stack goes on */
    struct trap_frame *frame;
    struct user_exit exit;
    u64 fs_base, gs_base; /* while the thread does not run */
    void (*caller_on_switch)(struct thread *thread, bool has_come);
};

/* user_enter.S: saves the caller's registers in saved (rbx rbp r12 r13 r14 r15 rsp rip), then goes
 * on. */
void user_enter(u64 saved[8], struct trap_frame *frame, enum user_entry entry);
void user_go(struct trap_frame *frame, enum user_entry entry, u64 sp);

#endif
