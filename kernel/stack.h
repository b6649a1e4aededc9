/*
 * Stack overflow, caught before it happens. The compiler puts a call to __fentry__ at the start of
 * every function (-mfentry); kernel/stack_check.S compares %rsp with the stack's limit there. A
 * guard page alone is not enough: a Xen PV guest has no IST, and Xen ends a domain when it cannot
 * push an exception frame onto the guest's kernel stack, without a word from the guest.
 */
#ifndef KERNEL_STACK_H
#define KERNEL_STACK_H

#include "pv/trap_frame.h"

/*
 * What must be left when a function is entered: its own frame (at most 1 KiB, -Wframe-larger-than),
 * and an exception frame with a stub's registers on top.
 */
#define STACK_RESERVE 2048

/*
 * The lowest %rsp with which a function may be entered on the current stack lies in the CPU's area
 * (pv/cpu_area.h, stack_limit); 0 allows any.
 */
/* Called by stack_check.S on a stack of its own. */
void stack_overflow(const struct trap_frame *frame) __noreturn;

#endif
