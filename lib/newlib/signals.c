/* SPDX-License-Identifier: MIT */
/*
 * Signals (IEEE Std 1003.1-2017, 2.4): how they are generated, when their handlers run, and what
 * becomes of exceptions.
 *
 * A signal that is generated becomes an element of the list of pending ones, for one thread or for
 * the process. Some thread that does not block it is notified: INTERRUPT_SIGNAL is set in its
 * `interrupts`, which ends its libc_wait, and the kernel is asked to interrupt it if it runs
 * (libc_interrupt). The thread itself then removes signals from the list and calls their handlers
 * (signals_deliver):
 *
 *  - on_interrupt: a hook that the kernel calls, between any two instructions of the program or
 * libc;
 *  - at the end of each wait (signals_point);
 *  - when it has generated the signal itself, or has unblocked it.
 *
 * A thread that holds a lock of newlib or of the port is not interrupted (`hold`): the handler runs
 * when it releases the lock (thread_unhold). So a handler may use what those locks protect, malloc
 * and printf too. A wait runs handlers with such a lock held.
 *
 * Exceptions become signals of the thread that caused them (on_exception). If the signal has no
 * handler or is blocked, the kernel ends the run, with the exception's name and registers.
 *
 * Guarded by the lock of the table of threads (thread_lock): the list, the actions, `wanted` and
 * `mask` of each thread, and INTERRUPT_SIGNAL.
 */
#include "lib/newlib/signals.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#define PENDING_MAX 256

/* Ignored unless there is a handler. */
#define IGNORED_BY_DEFAULT \
    (SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH) | SIGNAL_BIT(SIGCONT))

struct pending {
    bool used;
    siginfo_t info;
    struct pthread *target; /* NULL: the process */
    uint64_t order;
};

static struct pending pending[PENDING_MAX];
static uint64_t generated; /* signals so far */
static struct sigaction actions[NSIG];

/* ---- Pending signals ------------------------------------------------------------------------ */

/* Return the pending signal of the set that is first for a thread: lowest number, then oldest. */
static struct pending *pending_first(const struct pthread *t, sigset_t set)
{
    struct pending *first = NULL;

    for (struct pending *p = pending; p < pending + PENDING_MAX; p++) {
        if (!p->used || (p->target && p->target != t) || !(set & SIGNAL_BIT(p->info.si_signo)))
            continue;
        if (!first || p->info.si_signo < first->info.si_signo ||
            (p->info.si_signo == first->info.si_signo && p->order < first->order))
            first = p;
    }
    return first;
}

static struct pending *pending_find(int signal, const struct pthread *target, int timer)
{
    for (struct pending *p = pending; p < pending + PENDING_MAX; p++)
        if (p->used && p->info.si_signo == signal && p->target == target &&
            (!timer || (p->info.si_code == SI_TIMER && p->info.si_timerid == timer)))
            return p;
    return NULL;
}

static void pending_take(struct pending *p, siginfo_t *info)
{
    p->used = false;
    *info = p->info;
    if (info->si_code == SI_TIMER)
        timer_delivered(info);
}

static int pending_add(const siginfo_t *info, struct pthread *target)
{
    struct pending *p = pending;

    if (info->si_signo < SIGRTMIN && pending_find(info->si_signo, target, 0))
        return 0; /* a standard signal is pending once */
    while (p < pending + PENDING_MAX && p->used)
        p++;
    if (p == pending + PENDING_MAX)
        return EAGAIN;
    *p = (struct pending){true, *info, target, ++generated};
    return 0;
}

static void pending_remove(int signal)
{
    for (struct pending *p = pending; p < pending + PENDING_MAX; p++)
        if (p->info.si_signo == signal)
            p->used = false;
}

void signals_forget(const struct pthread *t)
{
    thread_lock();
    for (struct pending *p = pending; p < pending + PENDING_MAX; p++)
        if (p->target == t)
            p->used = false;
    thread_put();
}

static bool accepts(const struct pthread *t, int signal)
{
    return (~t->mask | t->wanted) & SIGNAL_BIT(signal) && !t->exiting;
}

/* Set INTERRUPT_SIGNAL of the calling thread if a signal is pending for it, or else clear it. */
static void update_interrupts(struct pthread *t)
{
    if (pending_first(t, ~t->mask | t->wanted))
        __atomic_or_fetch(&t->interrupts, INTERRUPT_SIGNAL, __ATOMIC_SEQ_CST);
    else
        __atomic_and_fetch(&t->interrupts, ~INTERRUPT_SIGNAL, __ATOMIC_SEQ_CST);
}

static void notify(struct pthread *t)
{
    __atomic_or_fetch(&t->interrupts, INTERRUPT_SIGNAL, __ATOMIC_SEQ_CST);
    if (t == this_pthread()) {
        t->deferred = true; /* thread_put looks */
        return;
    }
    libc_wake(&t->interrupts, UINT_MAX);
    libc_interrupt(t->kernel);
}

static void notify_one(const siginfo_t *info, struct pthread *target)
{
    struct pthread *t = target ? target : this_pthread();

    if (accepts(t, info->si_signo)) {
        notify(t);
        return;
    }
    for (int i = 0; !target && i < THREADS_MAX; i++) {
        t = thread_at(i);
        if (t && accepts(t, info->si_signo)) {
            notify(t);
            return;
        }
    }
}

/* An ignored signal that is blocked stays pending, because it may get a handler or a sigwait. */
static bool is_ignored(int signal, const struct pthread *target)
{
    const struct sigaction *a = &actions[signal];

    if ((target ? target : this_pthread())->mask & SIGNAL_BIT(signal))
        return false;
    return a->sa_handler == SIG_IGN ||
           (a->sa_handler == SIG_DFL && SIGNAL_BIT(signal) & IGNORED_BY_DEFAULT);
}

int signal_send(const siginfo_t *info, struct pthread *target)
{
    int error = 0;

    thread_lock();
    if (!is_ignored(info->si_signo, target)) {
        error = pending_add(info, target);
        if (!error)
            notify_one(info, target);
    }
    thread_put();
    return error;
}

int signal_send_of_timer(const siginfo_t *info)
{
    struct pending *p;
    int error = 0;

    thread_lock();
    p = pending_find(info->si_signo, NULL, info->si_timerid);
    if (p)
        p->info.si_overrun++;
    else
        error = signal_send(info, NULL);
    thread_put();
    return error;
}

/* ---- Delivery ------------------------------------------------------------------------------- */

void signal_kill(int signal)
{
    static const char names[][7] = {
        "HUP", "INT",  "QUIT", "ILL",    "TRAP", "ABRT",  "EMT",  "FPE",  "KILL", "BUS",  "SEGV",
        "SYS", "PIPE", "ALRM", "TERM",   "URG",  "STOP",  "TSTP", "CONT", "CHLD", "TTIN", "TTOU",
        "IO",  "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "LOST", "USR1", "USR2"};
    char why[64];

    if (signal < SIGRTMIN)
        snprintf(why, sizeof(why), "signal %d (SIG%s)", signal, names[signal - 1]);
    else
        snprintf(why, sizeof(why), "signal %d (SIGRTMIN+%d)", signal, signal - SIGRTMIN);
    libc_killed(why);
}

/* Begin a handler: replace the mask, and return the one before. The lock is held. */
static sigset_t begin_handler(struct pthread *t, int signal)
{
    struct sigaction *a = &actions[signal];
    const sigset_t before = t->mask;

    t->mask |= a->sa_mask & ~SIGNALS_OF_KERNEL;
    if (!(a->sa_flags & SA_NODEFER))
        t->mask |= SIGNAL_BIT(signal);
    if ((unsigned)a->sa_flags & SA_RESETHAND)
        a->sa_handler = SIG_DFL;
    return before;
}

/*
 * Remove the next signal for the calling thread, and begin its handler. Return false if there is no
 * signal that the thread does not block.
 */
static bool signal_take(struct pthread *t, siginfo_t *info, struct sigaction *action,
                        sigset_t *before)
{
    struct pending *p;

    thread_lock();
    p = pending_first(t, ~t->mask);
    if (p) {
        pending_take(p, info);
        *action = actions[info->si_signo];
        *before = action->sa_handler == SIG_DFL ? t->mask : begin_handler(t, info->si_signo);
    }
    update_interrupts(t);
    thread_put();
    return p;
}

struct handler_call {
    const struct sigaction *action;
    siginfo_t *info;
    ucontext_t *context;
};

static void call_handler(void *argument)
{
    const struct handler_call *call = argument;

    if (call->action->sa_flags & SA_SIGINFO)
        call->action->sa_sigaction(call->info->si_signo, call->info, call->context);
    else
        call->action->sa_handler(call->info->si_signo);
}

/* Call the handler on the alternate stack if it wants that and the thread has one. */
static void call_on_right_stack(struct pthread *t, struct handler_call *call)
{
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    if (!(call->action->sa_flags & SA_ONSTACK) || !t->alternate.ss_size || t->on_alternate) {
        call_handler(call);
        return;
    }
    t->on_alternate = 1;
    if (here - (uintptr_t)t->alternate.ss_sp < t->alternate.ss_size)
        call_handler(call); /* the kernel has changed stacks, because the other one is used up */
    else
        libc_call_on_alternate(call_handler, call);
    t->on_alternate = 0;
}

#define FOR_EACH_GREG(m) \
    m(R8, r8) m(R9, r9) m(R10, r10) m(R11, r11) m(R12, r12) m(R13, r13) m(R14, r14) m(R15, r15) \
        m(RDI, rdi) m(RSI, rsi) m(RBP, rbp) m(RBX, rbx) m(RDX, rdx) m(RAX, rax) m(RCX, rcx) \
            m(RSP, rsp) m(RIP, rip) m(EFL, rflags)

static void ucontext_fill(ucontext_t *to, struct libc_context *from, const struct pthread *t,
                          sigset_t mask)
{
    *to = (ucontext_t){.uc_stack = t->alternate, .uc_sigmask = mask};
#define TO_GREG(name, member) to->uc_mcontext.gregs[REG_##name] = (greg_t)from->member;
    FOR_EACH_GREG(TO_GREG)
    to->uc_mcontext.gregs[REG_ERR] = (greg_t)from->error;
    to->uc_mcontext.gregs[REG_TRAPNO] = (greg_t)from->vector;
    to->uc_mcontext.gregs[REG_CR2] = (greg_t)from->address;
    to->uc_mcontext.fpregs = (fpregset_t)(void *)from->fpu;
}

static void ucontext_load(struct libc_context *to, const ucontext_t *from)
{
#define FROM_GREG(name, member) to->member = (uint64_t)from->uc_mcontext.gregs[REG_##name];
    FOR_EACH_GREG(FROM_GREG)
}

/* Call a handler after begin_handler, and end it. errno and the locks' counts are the thread's own.
 */
static void run_handler(struct pthread *t, siginfo_t *info, const struct sigaction *action,
                        sigset_t before, struct libc_context *context)
{
    ucontext_t uc;
    const uint32_t hold = t->hold;
    const int error = errno;

    ucontext_fill(&uc, context, t, before);
    t->handled++;
    t->interrupting += !(action->sa_flags & SA_RESTART);
    t->hold = 0;
    call_on_right_stack(t, &(struct handler_call){action, info, &uc});
    t->hold = hold;
    errno = error;
    ucontext_load(context, &uc);
    thread_lock();
    t->mask = uc.uc_sigmask & ~SIGNALS_OF_KERNEL;
    update_interrupts(t);
    t->deferred |= t->interrupts & INTERRUPT_SIGNAL;
    thread_put();
}

static void signals_deliver(struct pthread *t, struct libc_context *context)
{
    struct sigaction action;
    siginfo_t info;
    sigset_t before;

    do {
        t->hold++;
        t->deferred = false;
        while (signal_take(t, &info, &action, &before)) {
            if (action.sa_handler == SIG_DFL && !(SIGNAL_BIT(info.si_signo) & IGNORED_BY_DEFAULT))
                signal_kill(info.si_signo);
            if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN)
                run_handler(t, &info, &action, before, context);
        }
        t->hold--;
    } while (t->deferred);
}

/*
 * The context is that of the call, as far as it is known. What a handler changes in it has no
 * effect.
 */
void signals_point(void)
{
    struct pthread *t = this_pthread();
    struct libc_context here = {.rip = (uintptr_t)__builtin_return_address(0),
                                .rsp = (uintptr_t)__builtin_frame_address(0),
                                .rbp = *(uintptr_t *)__builtin_frame_address(0)};

    if (!(__atomic_load_n(&t->interrupts, __ATOMIC_SEQ_CST) & INTERRUPT_SIGNAL)) {
        t->deferred = false;
        return;
    }
    __asm__ volatile("fxsave64 %0" : "=m"(here.fpu));
    signals_deliver(t, &here);
}

static void on_interrupt(struct libc_context *context)
{
    struct pthread *t = this_pthread();

    if (t->hold) {
        t->deferred = true;
        return;
    }
    signals_deliver(t, context);
    if (t->cancel_type == PTHREAD_CANCEL_ASYNCHRONOUS)
        pthread_testcancel();
}

/* ---- Exceptions ----------------------------------------------------------------------------- */

static bool is_overflow(const struct pthread *t, const struct libc_context *context)
{
    const uintptr_t base = (uintptr_t)t->alternate.ss_sp;

    return (uintptr_t)context - base < t->alternate.ss_size &&
           context->rsp - base > t->alternate.ss_size;
}

/* A handler of a stack overflow must have SA_ONSTACK. */
static bool on_exception(struct libc_context *context)
{
    struct pthread *t = this_pthread();
    siginfo_t info = signal_of_exception(context);
    struct sigaction action;
    sigset_t before = 0;
    bool handled;

    thread_lock();
    action = actions[info.si_signo];
    handled = action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN &&
              !(t->mask & SIGNAL_BIT(info.si_signo)) &&
              (action.sa_flags & SA_ONSTACK || !is_overflow(t, context));
    if (handled)
        before = begin_handler(t, info.si_signo);
    thread_put();
    if (handled)
        run_handler(t, &info, &action, before, context);
    return handled;
}

void signals_attach(void)
{
    static const struct libc_hooks hooks = {on_exception, on_interrupt};

    libc_set_hooks(&hooks);
}

/* ---- What the functions of signal.h use ----------------------------------------------------- */

struct sigaction signal_action(int signal)
{
    struct sigaction action;

    thread_lock();
    action = actions[signal];
    thread_put();
    return action;
}

void signal_set_action(int signal, const struct sigaction *action)
{
    thread_lock();
    actions[signal] = *action;
    if (action->sa_handler == SIG_IGN ||
        (action->sa_handler == SIG_DFL && SIGNAL_BIT(signal) & IGNORED_BY_DEFAULT))
        pending_remove(signal);
    thread_put();
}

sigset_t signal_set_mask(sigset_t mask)
{
    struct pthread *t = this_pthread();
    sigset_t before;

    thread_lock();
    before = t->mask;
    t->mask = mask & ~SIGNALS_OF_KERNEL;
    update_interrupts(t);
    t->deferred |= t->interrupts & INTERRUPT_SIGNAL;
    thread_put();
    return before;
}

sigset_t signals_pending(void)
{
    const struct pthread *t = this_pthread();
    sigset_t set = 0;

    thread_lock();
    for (const struct pending *p = pending; p < pending + PENDING_MAX; p++)
        if (p->used && (!p->target || p->target == t) && t->mask & SIGNAL_BIT(p->info.si_signo))
            set |= SIGNAL_BIT(p->info.si_signo);
    thread_put();
    return set;
}

bool signal_accept(sigset_t wanted, siginfo_t *info)
{
    struct pthread *t = this_pthread();
    struct pending *p;

    thread_lock();
    t->wanted = wanted;
    p = pending_first(t, wanted);
    if (p) {
        pending_take(p, info);
        t->wanted = 0;
    }
    update_interrupts(t);
    t->deferred |= !wanted && t->interrupts & INTERRUPT_SIGNAL;
    thread_put();
    return p;
}
