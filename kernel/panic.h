/* How every run ends: one last line that says what became of it, then the end of the machine. */
/* The end of a kernel that cannot go on: the reason, registers, a backtrace, a verdict. */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include "lib/types.h"
#include "pv/trap_frame.h"

enum verdict {
    VERDICT_PASS,
    VERDICT_FAIL,
    VERDICT_SKIP,
    VERDICT_ERROR, /* the question was wrong: a bad command line, no such payload */
};

/*
 * Prints "paravane: verdict PASS" (or as it is), with ": " and the reason if fmt is not "", and
 * ends the machine with the verdict as its status. The machine is powered off, not reported as
 * crashed, whatever the verdict: it is the last line that tells.
 */
void finish(enum verdict verdict, const char *fmt, ...) __printf(2, 3) __noreturn;

/*
 * With the registers of frame and the backtrace of the code that they belong to, or the caller's if
 * frame is NULL. A panic inside a panic prints one line and ends the machine.
 */
void panic_frame(const struct trap_frame *frame, const char *fmt, ...) __printf(2, 3) __noreturn;
#define panic(...) panic_frame(NULL, __VA_ARGS__)

/* Has some CPU begun to? Then what it prints goes before everything else. */
bool panic_is_on(void);

#define ASSERT(cond) \
    do { \
        if (!(cond)) \
            panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #cond); \
    } while (0)

/* One line for each return address, from rip and the chain of frames at rbp. */
void backtrace_print(u64 rip, u64 rbp);

/* Called by stack_check.S on a stack of its own. */
void stack_overflow(const struct trap_frame *frame) __noreturn;

#endif
