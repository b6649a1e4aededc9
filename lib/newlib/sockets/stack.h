/* SPDX-License-Identifier: MIT */
/* Sockets of programs, on lwIP: what the files of this folder share. */
#ifndef LIB_NEWLIB_SOCKETS_STACK_H
#define LIB_NEWLIB_SOCKETS_STACK_H

#include <lwip/opt.h>

#include <lwip/sockets.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Start the stack, unless that was done, with the addresses of NET= (address.h). Return 0 or an
 * errno, which was reported: ENETDOWN without an interface, EINVAL if NET= is wrong.
 */
int stack_start(void);

/* How many threads sys_thread_new has started. Atomic: grows only. */
extern unsigned sys_threads;

/* Print a line that begins with the stack's name. */
void stack_report(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
