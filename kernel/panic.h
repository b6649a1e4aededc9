/* The end of a kernel that cannot go on: the reason, registers, a backtrace, a verdict. */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include "pv/trap_frame.h"

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

/* backtrace.c: one line for each return address, from rip and the chain of frames at rbp. */
void backtrace_print(u64 rip, u64 rbp);

#endif
