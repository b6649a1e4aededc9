/* Exceptions, and how to survive one on purpose. */
#ifndef KERNEL_TRAP_H
#define KERNEL_TRAP_H

#include "pv/trap_frame.h"

/* Vectors (Intel SDM vol. 3, table 6-1). */
enum {
    VECTOR_DE = 0,
    VECTOR_DB = 1,
    VECTOR_NMI = 2,
    VECTOR_BP = 3,
    VECTOR_OF = 4,
    VECTOR_UD = 6,
    VECTOR_NM = 7,
    VECTOR_DF = 8,
    VECTOR_NP = 11,
    VECTOR_SS = 12,
    VECTOR_GP = 13,
    VECTOR_PF = 14,
};

/*
 * Who takes a trap instead of the kernel's panic, once: a PV_TRY block, or user_run. The thread
 * goes on where save_for_caller (lib/registers.inc) was. take may change the frame before.
 */
struct trap_handler {
    u64 saved[8]; /* first: try.S and user_enter.S put them there */
    struct trap_handler *outer;
    void (*take)(struct trap_handler *taker, struct trap_frame *frame, u64 fault_address);
};

/* The next trap of this thread is its, before those who were there already; or no more. */
void trap_push(struct trap_handler *taker);
void trap_pop(struct trap_handler *taker);

/* What became of a PV_TRY block. */
struct fault {
    struct trap_handler taker;
    bool caught;
    u64 vector, error, rip;
    u64 address; /* of a page fault */
};

/*
 * A test's handlers of #DB, NMI and the failsafe callback, or NULL: each returns true if the trap
 * was its own, and has changed frame as need be. A failsafe callback needs no handler.
 */
typedef bool trap_hook(struct trap_frame *frame);
extern trap_hook *debug_hook, *nmi_hook, *failsafe_hook;

/* Hands the kernel's callbacks to pv/ and makes exceptions arrive. */
void trap_init(void);

/* A vector as the manuals write it, "#PF", or what else came by a trap_frame of this vector. */
const char *exception_name(u64 vector);

/*
 * PV_TRY(fault) { … } runs the block; an exception in it (or in what it calls) ends it, and fault
 * then says which. MUST NOT be left by return, break or goto. What the block changes of the
 * function's own variables is lost after an exception unless they are volatile. An exception inside
 * a user_access_begin section ends the section.
 */
#define PV_TRY(f) \
    for (bool pv_try_once_ = fault_try(&(f)); pv_try_once_; pv_try_once_ = fault_end(&(f)))

bool fault_try(struct fault *f) __attribute__((returns_twice));
bool fault_end(struct fault *f);

/* Called by try.S. */
void fault_begin(struct fault *f);

#endif
