/* SPDX-License-Identifier: MIT */
/* The functions of signal.h and setjmp.h, on signals.c. There is one process, the program. */
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/newlib/signals.h"

static int fail(int error)
{
    errno = error;
    return -1;
}

/* ---- Sets ----------------------------------------------------------------------------------- */

int sigemptyset(sigset_t *set)
{
    *set = 0;
    return 0;
}

int sigfillset(sigset_t *set)
{
    *set = ~(sigset_t)0;
    return 0;
}

int sigaddset(sigset_t *set, int signal)
{
    if (!is_signal(signal))
        return fail(EINVAL);
    *set |= SIGNAL_BIT(signal);
    return 0;
}

int sigdelset(sigset_t *set, int signal)
{
    if (!is_signal(signal))
        return fail(EINVAL);
    *set &= ~SIGNAL_BIT(signal);
    return 0;
}

int sigismember(const sigset_t *set, int signal)
{
    if (!is_signal(signal))
        return fail(EINVAL);
    return (*set & SIGNAL_BIT(signal)) != 0;
}

/* ---- Sending -------------------------------------------------------------------------------- */

static siginfo_t info_of(int signal, int code)
{
    return (siginfo_t){.si_signo = signal, .si_code = code, .si_pid = getpid()};
}

int pthread_kill(pthread_t id, int signal)
{
    const siginfo_t info = info_of(signal, SI_TKILL);
    struct pthread *t;
    int error;

    if (signal && !is_signal(signal))
        return EINVAL;
    t = thread_get(id);
    error = !t ? ESRCH : signal ? signal_send(&info, t) : 0;
    thread_put();
    return error;
}

int raise(int signal)
{
    const int error = signal ? pthread_kill(pthread_self(), signal) : EINVAL;

    return error ? fail(error) : 0;
}

static bool is_self(pid_t pid)
{
    return pid == getpid() || pid == 0 || pid == -1 || pid == -getpid();
}

int kill(pid_t pid, int signal)
{
    const siginfo_t info = info_of(signal, SI_USER);
    int error = 0;

    if (signal && !is_signal(signal))
        return fail(EINVAL);
    if (!is_self(pid))
        return fail(ESRCH);
    if (signal)
        error = signal_send(&info, NULL);
    return error ? fail(error) : 0;
}

int killpg(pid_t group, int signal)
{
    return group < 0 ? fail(EINVAL) : kill(-group, signal);
}

int sigqueue(pid_t pid, int signal, const union sigval value)
{
    siginfo_t info = info_of(signal, SI_QUEUE);
    int error = 0;

    info.si_value = value;
    if (signal && !is_signal(signal))
        return fail(EINVAL);
    if (!is_self(pid))
        return fail(ESRCH);
    if (signal)
        error = signal_send(&info, NULL);
    return error ? fail(error) : 0;
}

/* A handler that returns does not save the program. */
void abort(void)
{
    const struct sigaction by_default = {.sa_handler = SIG_DFL};

    signal_set_mask(this_pthread()->mask & ~SIGNAL_BIT(SIGABRT));
    raise(SIGABRT);
    signal_set_action(SIGABRT, &by_default);
    signal_kill(SIGABRT);
}

/* ---- Actions -------------------------------------------------------------------------------- */

int sigaction(int signal, const struct sigaction *restrict action, struct sigaction *restrict old)
{
    struct sigaction before;

    if (!is_signal(signal))
        return fail(EINVAL);
    before = signal_action(signal);
    if (action) {
        if (SIGNAL_BIT(signal) & SIGNALS_OF_KERNEL)
            return fail(EINVAL);
        signal_set_action(signal, action);
    }
    if (old)
        *old = before;
    return 0;
}

/* As on BSD and Linux: the handler stays, and calls that it interrupts are restarted. */
_sig_func_ptr signal(int signal, _sig_func_ptr handler)
{
    const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    struct sigaction old;

    if (handler == SIG_ERR) {
        errno = EINVAL;
        return SIG_ERR;
    }
    return sigaction(signal, &action, &old) ? SIG_ERR : old.sa_handler;
}

int siginterrupt(int signal, int interrupts)
{
    struct sigaction action;

    if (sigaction(signal, NULL, &action))
        return -1;
    action.sa_flags = interrupts ? action.sa_flags & ~SA_RESTART : action.sa_flags | SA_RESTART;
    return sigaction(signal, &action, NULL);
}

int sigaltstack(const stack_t *restrict stack, stack_t *restrict old)
{
    struct pthread *t = this_pthread();
    stack_t before = t->alternate;

    before.ss_flags = t->on_alternate ? SS_ONSTACK : before.ss_size ? 0 : SS_DISABLE;
    if (stack) {
        const bool disable = stack->ss_flags == SS_DISABLE;

        if (t->on_alternate)
            return fail(EPERM);
        if (!disable && stack->ss_flags && stack->ss_flags != SS_ONSTACK)
            return fail(EINVAL);
        if (!disable && stack->ss_size < MINSIGSTKSZ)
            return fail(ENOMEM);
        memset(&t->alternate, 0, sizeof(t->alternate));
        if (!disable)
            t->alternate = (stack_t){.ss_sp = stack->ss_sp, .ss_size = stack->ss_size};
        libc_set_alternate(t->alternate.ss_sp, t->alternate.ss_size);
    }
    if (old)
        *old = before;
    return 0;
}

/* For longjmp (setjmp.S). rsp: where it leads, which may be on the alternate stack, too. */
void alternate_leave(uintptr_t rsp);
void alternate_left(void);

void alternate_leave(uintptr_t rsp)
{
    struct pthread *t = this_pthread();

    if (rsp - (uintptr_t)t->alternate.ss_sp < t->alternate.ss_size)
        return;
    t->on_alternate = 0;
    libc_leave_alternate();
}

void alternate_left(void)
{
    if (!this_pthread()->on_alternate)
        libc_on_own_stack();
}

/* ---- Masks ---------------------------------------------------------------------------------- */

int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
    const sigset_t before = this_pthread()->mask;

    if (set && how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK)
        return EINVAL;
    if (set)
        signal_set_mask(how == SIG_BLOCK     ? before | *set
                        : how == SIG_UNBLOCK ? before & ~*set
                                             : *set);
    if (old)
        *old = before;
    return 0;
}

int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
    const int error = pthread_sigmask(how, set, old);

    return error ? fail(error) : 0;
}

int sigpending(sigset_t *set)
{
    *set = signals_pending();
    return 0;
}

void __sigjmp_save(sigjmp_buf env, int save)
{
    env->__has_mask = save != 0;
    env->__mask = this_pthread()->mask;
}

void siglongjmp(sigjmp_buf env, int value)
{
    if (env->__has_mask)
        signal_set_mask(env->__mask);
    longjmp(env->__registers, value);
}

/* ---- Waiting -------------------------------------------------------------------------------- */

/* A cancellation point. */
int sigsuspend(const sigset_t *mask)
{
    const struct pthread *t = this_pthread();
    const uint32_t handled = t->handled, never = 0;
    const sigset_t before = signal_set_mask(*mask);

    while (t->handled == handled && !is_cancelled())
        wait_cancellable(&never, 0, UINT64_MAX);
    signal_set_mask(before);
    pthread_testcancel();
    return fail(EINTR);
}

int pause(void)
{
    const sigset_t mask = this_pthread()->mask;

    return sigsuspend(&mask);
}

/* Return the signal, or 0 and set errno. A cancellation point. */
static int wait_for(sigset_t set, siginfo_t *info, uint64_t deadline)
{
    const struct pthread *t = this_pthread();
    const uint32_t handled = t->handled, never = 0;
    bool in_time = true;

    while (!signal_accept(set & ~SIGNALS_OF_KERNEL, info)) {
        if (!in_time || t->handled != handled || is_cancelled()) {
            const int error = in_time ? EINTR : EAGAIN;

            signal_accept(0, info);
            pthread_testcancel();
            errno = error;
            return 0;
        }
        in_time = wait_cancellable(&never, 0, deadline);
    }
    return info->si_signo;
}

int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info,
                 const struct timespec *restrict timeout)
{
    uint64_t deadline = UINT64_MAX;
    siginfo_t got;
    int signal;

    if (timeout) {
        if (timeout->tv_nsec < 0 || timeout->tv_nsec >= 1000000000)
            return fail(EINVAL);
        deadline =
            libc_clock_ns() + (uint64_t)timeout->tv_sec * 1000000000u + (uint64_t)timeout->tv_nsec;
    }
    signal = wait_for(*set, &got, deadline);
    if (!signal)
        return -1;
    if (info)
        *info = got;
    return signal;
}

int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info)
{
    return sigtimedwait(set, info, NULL);
}

int sigwait(const sigset_t *restrict set, int *restrict signal)
{
    siginfo_t info;

    do
        *signal = wait_for(*set, &info, UINT64_MAX);
    while (!*signal);
    return 0;
}

/* ---- X/Open's older functions --------------------------------------------------------------- */

static int change_mask(int how, int signal)
{
    if (!is_signal(signal))
        return fail(EINVAL);
    return sigprocmask(how, &(sigset_t){SIGNAL_BIT(signal)}, NULL);
}

int sighold(int signal)
{
    return change_mask(SIG_BLOCK, signal);
}

int sigrelse(int signal)
{
    return change_mask(SIG_UNBLOCK, signal);
}

int sigignore(int signal)
{
    return sigaction(signal, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
}

int sigpause(int signal)
{
    if (!is_signal(signal))
        return fail(EINVAL);
    return sigsuspend(&(sigset_t){this_pthread()->mask & ~SIGNAL_BIT(signal)});
}

_sig_func_ptr sigset(int signal, _sig_func_ptr handler)
{
    const struct sigaction action = {.sa_handler = handler};
    const bool held = is_signal(signal) && this_pthread()->mask & SIGNAL_BIT(signal);
    struct sigaction old;

    if (handler == SIG_ERR) {
        errno = EINVAL;
        return SIG_ERR;
    }
    if (sigaction(signal, handler == SIG_HOLD ? NULL : &action, &old))
        return SIG_ERR;
    if (handler == SIG_HOLD && SIGNAL_BIT(signal) & SIGNALS_OF_KERNEL) {
        errno = EINVAL;
        return SIG_ERR;
    }
    change_mask(handler == SIG_HOLD ? SIG_BLOCK : SIG_UNBLOCK, signal);
    return held ? SIG_HOLD : old.sa_handler;
}
