/* SPDX-License-Identifier: MIT */
/*
 * How a run ends: with a verdict on its last line, which finish() prints; or with a panic, which
 * prints what the kernel can still find out first.
 */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include "lib/types.h"
#include "pv/trap_frame.h"

enum verdict {
    VERDICT_PASS,
    VERDICT_FAIL,
    VERDICT_SKIP,
    VERDICT_ERROR, /* the run could not start: a bad command line, too little memory */
};

/*
 * Stop the other CPUs, print "paravane: verdict PASS" (or another), with ": " and the reason if fmt
 * is not "", and end the machine with the verdict as its exit status. FAIL and ERROR end it as a
 * crash, which only a supervisor distinguishes from a power-off (the op shutdown). Context: any.
 */
void finish(enum verdict verdict, const char *fmt, ...) __printf(2, 3) __noreturn;

/*
 * Print the reason, the registers of frame, the backtrace of the code that it describes (of the
 * caller if frame is NULL) and the backtraces of the other CPUs; then finish with VERDICT_FAIL. A
 * panic inside a panic only adds its reason to the verdict. Context: any.
 */
void panic_frame(const struct trap_frame *frame, const char *fmt, ...) __printf(2, 3) __noreturn;
#define panic(...) panic_frame(NULL, __VA_ARGS__)

/* Return whether a CPU panics. */
bool panic_is_on(void);

#define ASSERT(cond) \
    do { \
        if (!(cond)) \
            panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #cond); \
    } while (0)

/* Print one line for rip and for each return address in the chain of stack frames at rbp. */
void backtrace_print(u64 rip, u64 rbp);

/* Called by stack_check.S, on a stack of its own. */
void stack_overflow(const struct trap_frame *frame) __noreturn;

#endif
