/* SPDX-License-Identifier: MIT */
/*
 * Signals (IEEE Std 1003.1-2017, signal.h), in place of newlib's sys/signal.h, whose siginfo_t has
 * no si_addr. The numbers are newlib's, with 33 real-time signals after them. The members and
 * constants that POSIX leaves open are as on Linux.
 */
#ifndef LIB_NEWLIB_SYS_SIGNAL_H
#define LIB_NEWLIB_SYS_SIGNAL_H

#include <stdint.h>
#include <sys/_sigset.h>
#include <sys/_timespec.h>
#include <sys/cdefs.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if !defined(_SIGSET_T_DECLARED)
#define _SIGSET_T_DECLARED
typedef __sigset_t sigset_t; /* bit n - 1 is signal n */
#endif

#define SIGHUP    1
#define SIGINT    2
#define SIGQUIT   3
#define SIGILL    4
#define SIGTRAP   5
#define SIGABRT   6
#define SIGIOT    SIGABRT
#define SIGEMT    7
#define SIGFPE    8
#define SIGKILL   9
#define SIGBUS    10
#define SIGSEGV   11
#define SIGSYS    12
#define SIGPIPE   13
#define SIGALRM   14
#define SIGTERM   15
#define SIGURG    16
#define SIGSTOP   17
#define SIGTSTP   18
#define SIGCONT   19
#define SIGCHLD   20
#define SIGCLD    SIGCHLD
#define SIGTTIN   21
#define SIGTTOU   22
#define SIGIO     23
#define SIGPOLL   SIGIO
#define SIGXCPU   24
#define SIGXFSZ   25
#define SIGVTALRM 26
#define SIGPROF   27
#define SIGWINCH  28
#define SIGLOST   29
#define SIGUSR1   30
#define SIGUSR2   31
#define SIGRTMIN  32
#define SIGRTMAX  64
#define NSIG      65
#define _NSIG     NSIG

#define SIG_SETMASK 0
#define SIG_BLOCK   1
#define SIG_UNBLOCK 2

union sigval {
    int sival_int;
    void *sival_ptr;
};

typedef struct {
    int si_signo, si_errno, si_code;
    pid_t si_pid;
    uid_t si_uid;
    int si_status;
    int si_timerid, si_overrun;
    void *si_addr;
    long si_band;
    union sigval si_value;
} siginfo_t;

#define si_int si_value.sival_int
#define si_ptr si_value.sival_ptr

#define SI_USER    0
#define SI_KERNEL  0x80
#define SI_QUEUE   (-1)
#define SI_TIMER   (-2)
#define SI_MESGQ   (-3)
#define SI_ASYNCIO (-4)
#define SI_TKILL   (-6)

#define ILL_ILLOPC 1
#define ILL_ILLOPN 2
#define ILL_ILLADR 3
#define ILL_ILLTRP 4
#define ILL_PRVOPC 5
#define ILL_PRVREG 6
#define ILL_COPROC 7
#define ILL_BADSTK 8

#define FPE_INTDIV 1
#define FPE_INTOVF 2
#define FPE_FLTDIV 3
#define FPE_FLTOVF 4
#define FPE_FLTUND 5
#define FPE_FLTRES 6
#define FPE_FLTINV 7
#define FPE_FLTSUB 8

#define SEGV_MAPERR 1
#define SEGV_ACCERR 2

#define BUS_ADRALN 1
#define BUS_ADRERR 2
#define BUS_OBJERR 3

#define TRAP_BRKPT 1
#define TRAP_TRACE 2

#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_TRAPPED   4
#define CLD_STOPPED   5
#define CLD_CONTINUED 6

#define SIGEV_NONE   1
#define SIGEV_SIGNAL 2
#define SIGEV_THREAD 3

struct sigevent {
    int sigev_notify;
    int sigev_signo;
    union sigval sigev_value;
    void (*sigev_notify_function)(union sigval);
    pthread_attr_t *sigev_notify_attributes;
};

typedef void (*_sig_func_ptr)(int);

struct sigaction {
    union {
        _sig_func_ptr __handler;
        void (*__action)(int, siginfo_t *, void *);
    } __sigaction;
    sigset_t sa_mask;
    int sa_flags;
};

#define sa_handler   __sigaction.__handler
#define sa_sigaction __sigaction.__action

#define SA_NOCLDSTOP 1
#define SA_NOCLDWAIT 2
#define SA_SIGINFO   4
#define SA_ONSTACK   0x08000000
#define SA_RESTART   0x10000000
#define SA_NODEFER   0x40000000
#define SA_RESETHAND 0x80000000
#define SA_NOMASK    SA_NODEFER
#define SA_ONESHOT   SA_RESETHAND

#define SS_ONSTACK 1
#define SS_DISABLE 2

/* The kernel's interrupt handlers run on the interrupted stack, so these are larger than usual. */
#define MINSIGSTKSZ 8192
#define SIGSTKSZ    32768

typedef struct sigaltstack {
    void *ss_sp;
    int ss_flags;
    size_t ss_size;
} stack_t;

int kill(pid_t pid, int signal);
int killpg(pid_t group, int signal);
int pthread_kill(pthread_t thread, int signal);
int sigqueue(pid_t pid, int signal, const union sigval value);
int sigaction(int signal, const struct sigaction *__restrict action,
              struct sigaction *__restrict old);
int sigaltstack(const stack_t *__restrict stack, stack_t *__restrict old);

int sigemptyset(sigset_t *set);
int sigfillset(sigset_t *set);
int sigaddset(sigset_t *set, int signal);
int sigdelset(sigset_t *set, int signal);
int sigismember(const sigset_t *set, int signal);

int sigprocmask(int how, const sigset_t *__restrict set, sigset_t *__restrict old);
int pthread_sigmask(int how, const sigset_t *__restrict set, sigset_t *__restrict old);
int sigpending(sigset_t *set);
int sigsuspend(const sigset_t *mask);
int sigwait(const sigset_t *__restrict set, int *__restrict signal);
int sigwaitinfo(const sigset_t *__restrict set, siginfo_t *__restrict info);
int sigtimedwait(const sigset_t *__restrict set, siginfo_t *__restrict info,
                 const struct timespec *__restrict timeout);

/* Older ways (X/Open), and those of GNU's library. */
#define SIG_HOLD ((_sig_func_ptr)2)
_sig_func_ptr sigset(int signal, _sig_func_ptr handler);
int sighold(int signal);
int sigrelse(int signal);
int sigignore(int signal);
int sigpause(int signal);
int siginterrupt(int signal, int interrupts);
void psiginfo(const siginfo_t *info, const char *text);
int sig2str(int signal, char *text);
int str2sig(const char *__restrict text, int *__restrict signal);
#define SIG2STR_MAX 17

#ifdef __cplusplus
}
#endif

#ifndef _SIGNAL_H_
#include <signal.h>
#endif
#include <sys/ucontext.h>
#endif
