/* SPDX-License-Identifier: MIT */
/* Signals of exceptions: their kinds, and the registers that a handler reads and changes. */
#include "test/harness/test.h"
#include "test/libc/signals.h"

#include <stdint.h>

/* Return the signal that cause raises, or 0. */
static int raised_by(void (*cause)(void))
{
    const int signal = sigsetjmp(caught.back, 1);

    if (!signal)
        cause();
    return signal;
}

static volatile int *volatile nowhere = (volatile int *)0x10;

static void read_nowhere(void)
{
    (void)*nowhere;
}

static void write_constant(void)
{
    static const int constant = 1;

    *(volatile int *)(uintptr_t)&constant = 2;
}

static void run_nowhere(void)
{
    ((void (*)(void))(uintptr_t)nowhere)();
}

static void read_beyond_addresses(void)
{
    (void)*(volatile int *)0x8000000000000000;
}

static volatile int zero;

static void divide(void)
{
    zero = 7 / zero; /* for 1 / zero the compiler needs no division */
}

static void divide_x87(void)
{
    const unsigned short control = 0x37f & ~4;

    __asm__ volatile("fldcw %0\n\tfld1\n\tfldz\n\tfdivr %%st(1)\n\tfwait" : : "m"(control));
}

static void run_invalid(void)
{
    __asm__ volatile("ud2");
}

static void run_breakpoint(void)
{
    __asm__ volatile("int3");
}

TEST(libc_signals, exceptions_call_handlers_which_may_jump_out)
{
    const struct {
        void (*cause)(void);
        int signal, code;
        u64 address; /* 0: not compared */
    } cases[] = {
        {read_nowhere, SIGSEGV, SEGV_MAPERR, 0x10},
        {write_constant, SIGSEGV, SEGV_ACCERR, 0},
        {run_nowhere, SIGSEGV, SEGV_MAPERR, 0x10},
        {read_beyond_addresses, SIGSEGV, SI_KERNEL, 0},
        {divide, SIGFPE, FPE_INTDIV, 0},
        {divide_x87, SIGFPE, FPE_FLTDIV, 0},
        {run_invalid, SIGILL, ILL_ILLOPN, 0},
        {run_breakpoint, SIGTRAP, SI_KERNEL, 0},
    };

    signals_begin();
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        catch_signal(cases[i].signal, jump_out_of_signal, 0);
        EXPECT_EQ(raised_by(cases[i].cause), cases[i].signal);
        EXPECT_EQ(caught.info.si_signo, cases[i].signal);
        EXPECT_EQ(caught.info.si_code, cases[i].code);
        if (cases[i].address)
            EXPECT_EQ((u64)caught.info.si_addr, cases[i].address);
        EXPECT(!is_signal_blocked(cases[i].signal));
        __asm__ volatile("fninit\n\tldmxcsr %0" : : "m"((const unsigned){0x1f80}));
    }
    EXPECT_EQ(caught.calls, (int)ARRAY_SIZE(cases));
    signals_end();
}

extern const char faulting[], after_faulting[];

/* Return the value that the handler has put into a register. */
static __attribute__((noinline)) long fault_with_registers(void)
{
    register long r12 __asm__("r12") = 12;
    long result = 1;

    __asm__ volatile(".globl faulting, after_faulting\n"
                     "faulting: movq (%%r12), %0\n"
                     "after_faulting:"
                     : "+a"(result), "+r"(r12)
                     :
                     : "memory", "xmm5");
    return result + r12;
}

static void skip(int signal, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    float spoilt = 3;

    note_signal(signal, info, context);
    __asm__ volatile("movss %0, %%xmm5\n\tmovq %%rsp, %%rcx" : : "m"(spoilt) : "xmm5", "rcx");
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)after_faulting;
    uc->uc_mcontext.gregs[REG_RAX] = 1000;
    sigaddset(&uc->uc_sigmask, SIGUSR2);
}

TEST(libc_signals, handlers_read_and_change_the_registers_of_the_exception)
{
    const float wanted = 7;
    float kept = 0;

    signals_begin();
    catch_signal(SIGSEGV, skip, 0);
    __asm__ volatile("movss %0, %%xmm5" : : "m"(wanted) : "xmm5");
    EXPECT_EQ(fault_with_registers(), 1012);
    __asm__ volatile("movss %%xmm5, %0" : "=m"(kept));
    EXPECT(kept == wanted);
    EXPECT_EQ(caught.context.uc_mcontext.gregs[REG_RIP], (greg_t)faulting);
    EXPECT_EQ(caught.context.uc_mcontext.gregs[REG_R12], 12);
    EXPECT_EQ(caught.context.uc_mcontext.gregs[REG_CR2], 12);
    EXPECT_EQ(caught.context.uc_mcontext.gregs[REG_TRAPNO], 14);
    EXPECT_EQ((u64)caught.info.si_addr, 12);
    EXPECT(is_signal_blocked(SIGUSR2));
    EXPECT(!is_signal_blocked(SIGSEGV));
    signals_end();
}
