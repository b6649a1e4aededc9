/*
 * Text on the console. print() is for what a reader of the log relies on (KTAP, verdicts, panics);
 * the log_ functions are for the rest, one line each, without its newline, shown from the level of
 * log= up.
 */
#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include "kernel/cmdline.h"

#define PRINT_MAX 512 /* bytes of one call; what is longer is cut and ends in "...\n" */

void print(const char *fmt, ...) __printf(1, 2);
void vprint(const char *fmt, va_list ap) __printf(1, 0);

/* Bytes as they are, not torn by another CPU's. Context: any. */
void console_write(const char *text, size_t len);

void log_line(enum log_level level, const char *fmt, ...) __printf(2, 3);
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
