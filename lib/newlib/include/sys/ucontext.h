/* SPDX-License-Identifier: MIT */
/*
 * The context that a handler of signals with SA_SIGINFO gets, with the members and the order of
 * registers of Linux on x86-64. What the handler changes in gregs, *fpregs and uc_sigmask is loaded
 * when it returns.
 */
#ifndef LIB_NEWLIB_SYS_UCONTEXT_H
#define LIB_NEWLIB_SYS_UCONTEXT_H

#include <sys/signal.h>

enum {
    REG_R8,
    REG_R9,
    REG_R10,
    REG_R11,
    REG_R12,
    REG_R13,
    REG_R14,
    REG_R15,
    REG_RDI,
    REG_RSI,
    REG_RBP,
    REG_RBX,
    REG_RDX,
    REG_RAX,
    REG_RCX,
    REG_RSP,
    REG_RIP,
    REG_EFL,
    REG_CSGSFS, /* 0 */
    REG_ERR,
    REG_TRAPNO,
    REG_OLDMASK, /* 0 */
    REG_CR2,
    NGREG,
};

typedef long long greg_t;
typedef greg_t gregset_t[NGREG];

/* What fxsave64 stores. */
struct _fpstate {
    uint16_t cwd, swd, ftw, fop;
    uint64_t rip, rdp;
    uint32_t mxcsr, mxcr_mask;
    uint32_t _st[32], _xmm[64], __reserved[24];
};
typedef struct _fpstate *fpregset_t;

typedef struct {
    gregset_t gregs;
    fpregset_t fpregs;
} mcontext_t;

typedef struct ucontext_t {
    unsigned long uc_flags;
    struct ucontext_t *uc_link;
    stack_t uc_stack;
    mcontext_t uc_mcontext;
    sigset_t uc_sigmask;
} ucontext_t;

#endif
