/* SPDX-License-Identifier: MIT */
/*
 * Text on the console. print() is for lines that a program parses (KTAP, verdicts, panics); the
 * log_ functions write one line each, whose newline they add, if log= selects its level.
 */
#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include "kernel/cmdline.h"

#define PRINT_MAX 512 /* bytes of one call; longer text is cut and ends in "...\n" */

void print(const char *fmt, ...) __printf(1, 2);
void vprint(const char *fmt, va_list ap) __printf(1, 0);

/* Write bytes as they are, without another CPU's bytes in between. Context: any. */
void console_write(const char *text, size_t len);

/*
 * Let this CPU write without the console's lock from now on: it stops the other CPUs, one of which
 * may hold the lock.
 */
void console_seize(void);

void log_line(enum log_level level, const char *fmt, ...) __printf(2, 3);
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
