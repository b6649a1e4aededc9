/* SPDX-License-Identifier: MIT */
/* Which signal an exception becomes, with its si_code and si_addr, as on Linux (signals.c). */
#include <ucontext.h>

#include "lib/newlib/signals.h"

/* The vectors of exceptions (Intel SDM vol. 3, table 6-1) that programs cause. */
enum { DE = 0, BP = 3, UD = 6, NP = 11, SS = 12, GP = 13, PF = 14, MF = 16, AC = 17, XM = 19 };

/* Return the si_code of the first floating-point exception that is flagged and not masked. */
static int fpe_code(const struct libc_context *context)
{
    const struct _fpstate *fpu = (const void *)context->fpu;
    const unsigned flags =
        context->vector == MF ? fpu->swd & ~(unsigned)fpu->cwd : fpu->mxcsr & ~(fpu->mxcsr >> 7);

    return flags & 1    ? FPE_FLTINV
           : flags & 4  ? FPE_FLTDIV
           : flags & 8  ? FPE_FLTOVF
           : flags & 18 ? FPE_FLTUND
                        : FPE_FLTRES;
}

siginfo_t signal_of_exception(const struct libc_context *context)
{
    siginfo_t info = {.si_signo = SIGSEGV, .si_code = SI_KERNEL};
    const void *at = (const void *)context->rip;

    switch (context->vector) {
    case PF:
        info.si_code = context->error & 1 ? SEGV_ACCERR : SEGV_MAPERR;
        at = (const void *)context->address;
        break;
    case DE:
        info = (siginfo_t){.si_signo = SIGFPE, .si_code = FPE_INTDIV};
        break;
    case MF:
    case XM:
        info = (siginfo_t){.si_signo = SIGFPE, .si_code = fpe_code(context)};
        break;
    case UD:
        info = (siginfo_t){.si_signo = SIGILL, .si_code = ILL_ILLOPN};
        break;
    case BP:
        info.si_signo = SIGTRAP;
        break;
    case AC:
        info = (siginfo_t){.si_signo = SIGBUS, .si_code = BUS_ADRALN};
        break;
    case NP:
    case SS:
        info.si_signo = SIGBUS;
        break;
    default:
        break;
    }
    info.si_addr = info.si_code == SI_KERNEL ? NULL : (void *)(uintptr_t)at;
    return info;
}
