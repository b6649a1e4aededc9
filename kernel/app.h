/* SPDX-License-Identifier: MIT */
/*
 * Programs on newlib: kernel/app.c, kernel/app_wait.c for their threads, and kernel/app_signal.c
 * for their signals.
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

#endif
