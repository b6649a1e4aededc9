/* How every run ends: one last line that says what became of it, then the end of the machine. */
#ifndef KERNEL_VERDICT_H
#define KERNEL_VERDICT_H

#include "lib/types.h"

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

#endif
