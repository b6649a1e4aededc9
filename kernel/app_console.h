/* SPDX-License-Identifier: MIT */
/* Wait for console input of programs: kernel/app_console.c. */
#ifndef KERNEL_APP_CONSOLE_H
#define KERNEL_APP_CONSOLE_H

#include "kernel/services.h"
#include "lib/types.h"

/*
 * Bind the console's interrupt, so that app_console_wait sleeps; without one, it polls. Context: a
 * thread that is bound to CPU 0, which stays online.
 */
void app_console_listen(void);

/* Unbind it. Context: thread, while no thread reads. */
void app_console_ignore(void);

/* Return the next byte of input, or -1 if none is pending. */
int app_console_read(void);

/*
 * Sleep until a byte of input may have arrived, *interrupt.word has one of its bits, the machine
 * was restored, or the deadline. Return the byte, or -1 without one. One thread at a time; context:
 * thread, no spinlock held.
 */
int app_console_wait(struct libc_interrupt interrupt, u64 deadline);

/* For tests: how often the console was read, and how often it has interrupted. */
struct app_console_counts {
    u64 reads, interrupts;
};
extern struct app_console_counts app_console_counts;

#endif
