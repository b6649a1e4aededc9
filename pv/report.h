/* SPDX-License-Identifier: MIT */
/* How pv/ and mm/, which are below the kernel's console, report faults. */
#ifndef PV_REPORT_H
#define PV_REPORT_H

#include "lib/types.h"

/*
 * End the run, because a backend left the op empty, or a caller broke its contract. The kernel sets
 * pv_panic_handler to its panic; until then the message goes to the raw console.
 */
extern __noreturn void (*pv_panic_handler)(const char *op, const char *what);
__noreturn void pv_panic(const char *op, const char *fmt, ...) __printf(2, 3);

/*
 * Report in one line what this machine lacks or reports wrongly, if the run can continue. The
 * kernel sets pv_warn_handler to its log; until then the line is dropped.
 */
extern void (*pv_warn_handler)(const char *what);
void pv_warn(const char *fmt, ...) __printf(1, 2);

#endif
