/* SPDX-License-Identifier: MIT */
/*
 * Programs on newlib: kernel/app.c, kernel/app_stack.c for the stack of main(), kernel/app_wait.c
 * for their threads, and kernel/app_signal.c for their signals.
 */
#ifndef KERNEL_APP_H
#define KERNEL_APP_H

#include "lib/types.h"

/*
 * Let the calling thread use libc. Call it always in the same thread; call it again after %fs was
 * used for something else. Does nothing in an image without newlib.
 */
void app_attach_libc(void);

/* Set the calling thread's limits for kernel/stack_check.S: of the kernel's functions, and of the
 * program's; 0: none. */
void app_set_stack_limits(u64 limit, u64 program_limit);

/*
 * libc and some functions of programs (tools/build/stack_checks.py) are built without a check. This
 * much of a stack is left to them, to kernel functions that they call, and to interrupts.
 */
#define APP_STACK_RESERVE KIB(16)

/* Frames that a program's heap and stack must leave to the kernel, for page tables and such. */
#define FRAMES_FOR_KERNEL 256

/*
 * Map the first APP_STACK_INITIAL bytes of main()'s stack, which may grow as far as stack= says,
 * and return their lowest address. Called once. Ends the run if stack= is wrong or memory is short.
 */
#define APP_STACK_INITIAL KIB(64)
u64 app_stack_create(void);

/* Return the program's limit on a stack whose lowest mapped byte is at base. */
u64 app_stack_program_limit(u64 base);

#endif
