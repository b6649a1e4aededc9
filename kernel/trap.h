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
    VECTOR_UD = 6,
    VECTOR_NM = 7,
    VECTOR_DF = 8,
    VECTOR_SS = 12,
    VECTOR_GP = 13,
    VECTOR_PF = 14,
};

/* What became of a PV_TRY block. */
struct fault {
    bool caught;
    u64 vector, error, rip;
    u64 address;  /* of a page fault */
    u64 saved[8]; /* try.S: rbx rbp r12 r13 r14 r15 rsp rip */
    struct fault *outer;
};

/*
 * Who wants a #DB or an NMI: returns true if it was theirs, and has changed frame as need be. NULL
 * for nobody.
 */
typedef bool trap_hook(struct trap_frame *frame);
extern trap_hook *debug_hook, *nmi_hook;

/* Hands the kernel's upcalls to pv/ and makes exceptions arrive. */
void trap_init(void);

/* The mnemonic of a vector below 32, as the manuals write it: "#PF". */
const char *exception_name(u64 vector);

/*
 * PV_TRY(fault) { … } runs the block; an exception in it (or in what it calls) ends it, and fault
 * then says which. MUST NOT be left by return, break or goto. What the block changes of the
 * function's own variables is lost after an exception unless they are volatile.
 */
#define PV_TRY(f) \
    for (bool pv_try_once_ = fault_try(&(f)); pv_try_once_; pv_try_once_ = fault_end(&(f)))

bool fault_try(struct fault *f) __attribute__((returns_twice));
bool fault_end(struct fault *f);

/* What save_for_caller (lib/registers.inc) has saved goes into frame, so that it leads back there.
 */
void trap_return_to(struct trap_frame *frame, const u64 saved[8]);

/* Called by try.S. */
void fault_begin(struct fault *f);

#endif
