/* SPDX-License-Identifier: MIT */
/* Signals of programs: handlers, masks, exceptions, alternate stacks, waits and timers. */
#include "test/harness/test.h"
#include "test/libc/threads.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define ALTERNATE_SIZE 65536

static volatile int calls, order[8];
static siginfo_t got;
static ucontext_t got_context;
static sigjmp_buf back;
static char *alternate;

static void count(int signal)
{
    order[calls++ & 7] = signal;
}

static void note(int signal, siginfo_t *info, void *context)
{
    count(signal);
    got = *info;
    got_context = *(ucontext_t *)context;
}

static void jump(int signal, siginfo_t *info, void *context)
{
    note(signal, info, context);
    siglongjmp(back, signal);
}

static void catch (int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
    const struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

    EXPECT_EQ(sigaction(signal, &action, NULL), 0);
}

static void set_handler(int signal, void (*handler)(int), int flags)
{
    const struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    EXPECT_EQ(sigaction(signal, &action, NULL), 0);
}

static sigset_t set_of(int signal)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signal);
    return set;
}

static void block(int signal)
{
    const sigset_t set = set_of(signal);

    EXPECT_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
}

static void unblock(int signal)
{
    const sigset_t set = set_of(signal);

    EXPECT_EQ(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
}

static bool is_blocked(int signal)
{
    sigset_t set;

    sigprocmask(SIG_BLOCK, NULL, &set);
    return sigismember(&set, signal);
}

static void begin(void)
{
    calls = 0;
    memset(&got, 0, sizeof(got));
}

/* Remove the handlers and the mask of a test. */
static void end(void)
{
    sigset_t none;

    sigemptyset(&none);
    for (int n = 1; n < NSIG; n++)
        if (n != SIGKILL && n != SIGSTOP)
            signal(n, SIG_IGN);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int n = 1; n < NSIG; n++)
        if (n != SIGKILL && n != SIGSTOP)
            signal(n, SIG_DFL);
}

TEST(libc_signals, raise_calls_the_handler_before_it_returns)
{
    begin();
    set_handler(SIGUSR1, count, 0);
    EXPECT_EQ(raise(SIGUSR1), 0);
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(kill(getpid(), SIGUSR1), 0);
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    EXPECT_EQ(calls, 3);
    end();
    EXPECT_EQ(raise(SIGCHLD), 0); /* ignored by default */
    EXPECT_EQ(kill(getpid(), 0), 0);
    EXPECT_EQ(kill(4711, SIGUSR1), -1);
    EXPECT_EQ(errno, ESRCH);
    EXPECT_EQ(raise(NSIG), -1);
    EXPECT_EQ(errno, EINVAL);
}

TEST(libc_signals, blocked_signals_are_pending_until_they_are_unblocked)
{
    sigset_t set;

    begin();
    set_handler(SIGUSR1, count, 0);
    set_handler(SIGUSR2, count, 0);
    block(SIGUSR1);
    block(SIGUSR2);
    raise(SIGUSR2);
    raise(SIGUSR1);
    raise(SIGUSR1);
    EXPECT_EQ(calls, 0);
    sigpending(&set);
    EXPECT(sigismember(&set, SIGUSR1) && sigismember(&set, SIGUSR2));
    EXPECT(!sigismember(&set, SIGHUP));
    unblock(SIGUSR1);
    EXPECT_EQ(calls, 1); /* a standard signal is pending once */
    unblock(SIGUSR2);
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(order[1], SIGUSR2);
    sigpending(&set);
    EXPECT(!sigismember(&set, SIGUSR2));
    end();
}

TEST(libc_signals, real_time_signals_are_queued_with_their_values)
{
    begin();
    catch (SIGRTMIN + 1, note, 0);
    catch (SIGRTMIN, note, 0);
    block(SIGRTMIN);
    block(SIGRTMIN + 1);
    for (int i = 1; i <= 3; i++)
        EXPECT_EQ(sigqueue(getpid(), SIGRTMIN + (i == 1), (union sigval){.sival_int = i}), 0);
    unblock(SIGRTMIN + 1);
    EXPECT_EQ(got.si_value.sival_int, 1);
    EXPECT_EQ(calls, 1);
    unblock(SIGRTMIN);
    EXPECT_EQ(calls, 3);
    EXPECT_EQ(got.si_value.sival_int, 3);
    EXPECT_EQ(got.si_code, SI_QUEUE);
    EXPECT_EQ(got.si_pid, getpid());
    end();
}

static void nest(int signal)
{
    count(signal);
    EXPECT(is_blocked(SIGUSR1) && is_blocked(SIGHUP) && !is_blocked(SIGUSR2));
    raise(SIGUSR1);
    raise(SIGHUP);
    EXPECT_EQ(calls, 1);
    raise(SIGUSR2);
    EXPECT_EQ(calls, 2);
    set_handler(SIGUSR1, count, 0);
}

TEST(libc_signals, masks_hold_while_a_handler_runs)
{
    const struct sigaction action = {.sa_handler = nest, .sa_mask = set_of(SIGHUP)};

    begin();
    set_handler(SIGUSR2, count, 0);
    set_handler(SIGHUP, count, 0);
    EXPECT_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    raise(SIGUSR1);
    EXPECT_EQ(calls, 4); /* SIGHUP and SIGUSR1 were pending when nest returned */
    EXPECT(!is_blocked(SIGUSR1) && !is_blocked(SIGHUP));
    end();
}

TEST(libc_signals, actions_are_ignored_reset_or_refused)
{
    struct sigaction old;

    begin();
    block(SIGUSR1);
    set_handler(SIGUSR1, count, 0);
    raise(SIGUSR1);
    set_handler(SIGUSR1, SIG_IGN, 0); /* discards what is pending */
    set_handler(SIGUSR1, count, (int)SA_RESETHAND);
    unblock(SIGUSR1);
    EXPECT_EQ(calls, 0);
    raise(SIGUSR1);
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(sigaction(SIGUSR1, NULL, &old), 0);
    EXPECT(old.sa_handler == SIG_DFL);
    EXPECT_EQ(sigaction(SIGKILL, &old, NULL), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT(signal(SIGSTOP, SIG_IGN) == SIG_ERR);
    block(SIGKILL);
    EXPECT(!is_blocked(SIGKILL));
    end();
}

static volatile int zero;

static int caught(void (*cause)(void))
{
    const int signal = sigsetjmp(back, 1);

    if (!signal)
        cause();
    return signal;
}

static volatile int *volatile nowhere = (volatile int *)0x10;
#define NOWHERE nowhere

static void read_nowhere(void)
{
    (void)*NOWHERE;
}

static void write_constant(void)
{
    static const int constant = 1;

    *(volatile int *)(uintptr_t)&constant = 2;
}

static void run_nowhere(void)
{
    ((void (*)(void))(uintptr_t)NOWHERE)();
}

static void read_beyond_addresses(void)
{
    (void)*(volatile int *)0x8000000000000000;
}

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

    begin();
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        catch (cases[i].signal, jump, 0);
        EXPECT_EQ(caught(cases[i].cause), cases[i].signal);
        EXPECT_EQ(got.si_signo, cases[i].signal);
        EXPECT_EQ(got.si_code, cases[i].code);
        if (cases[i].address)
            EXPECT_EQ((u64)got.si_addr, cases[i].address);
        EXPECT(!is_blocked(cases[i].signal));
        __asm__ volatile("fninit\n\tldmxcsr %0" : : "m"((const unsigned){0x1f80}));
    }
    EXPECT_EQ(calls, (int)ARRAY_SIZE(cases));
    end();
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

    note(signal, info, context);
    __asm__ volatile("movss %0, %%xmm5\n\tmovq %%rsp, %%rcx" : : "m"(spoilt) : "xmm5", "rcx");
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)after_faulting;
    uc->uc_mcontext.gregs[REG_RAX] = 1000;
    sigaddset(&uc->uc_sigmask, SIGUSR2);
}

TEST(libc_signals, handlers_read_and_change_the_registers_of_the_exception)
{
    const float wanted = 7;
    float kept = 0;

    begin();
    catch (SIGSEGV, skip, 0);
    __asm__ volatile("movss %0, %%xmm5" : : "m"(wanted) : "xmm5");
    EXPECT_EQ(fault_with_registers(), 1012);
    __asm__ volatile("movss %%xmm5, %0" : "=m"(kept));
    EXPECT(kept == wanted);
    EXPECT_EQ(got_context.uc_mcontext.gregs[REG_RIP], (greg_t)faulting);
    EXPECT_EQ(got_context.uc_mcontext.gregs[REG_R12], 12);
    EXPECT_EQ(got_context.uc_mcontext.gregs[REG_CR2], 12);
    EXPECT_EQ(got_context.uc_mcontext.gregs[REG_TRAPNO], 14);
    EXPECT_EQ((u64)got.si_addr, 12);
    EXPECT(is_blocked(SIGUSR2));
    EXPECT(!is_blocked(SIGSEGV));
    end();
}

static const char *handler_stack;

static void note_stack(int signal)
{
    char here;
    stack_t now;

    count(signal);
    handler_stack = &here;
    sigaltstack(NULL, &now);
    EXPECT_EQ(now.ss_flags, SS_ONSTACK);
    EXPECT_EQ(sigaltstack(&now, NULL), -1);
    EXPECT_EQ(errno, EPERM);
}

static void jump_out(int signal)
{
    note_stack(signal);
    siglongjmp(back, 1);
}

static bool is_alternate(const char *address)
{
    return address > alternate && address < alternate + ALTERNATE_SIZE;
}

static bool begin_alternate(void)
{
    begin();
    alternate = malloc(ALTERNATE_SIZE);
    return alternate &&
           !sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = ALTERNATE_SIZE}, NULL);
}

static void end_alternate(void)
{
    EXPECT_EQ(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL), 0);
    free(alternate);
    end();
}

TEST(libc_signals, handlers_run_on_the_alternate_stack_if_they_want_it)
{
    stack_t now;

    EXPECT_EQ(sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = 100}, NULL), -1);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_EQ(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE | SS_ONSTACK}, NULL), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(sigaltstack(&(stack_t){.ss_sp = &now, .ss_flags = SS_DISABLE}, NULL), 0);
    EXPECT(!sigaltstack(NULL, &now) && !now.ss_sp && now.ss_flags == SS_DISABLE);
    REQUIRE(begin_alternate());
    set_handler(SIGUSR1, note_stack, SA_ONSTACK);
    raise(SIGUSR1);
    EXPECT_EQ(calls, 1);
    EXPECT(is_alternate(handler_stack));
    set_handler(SIGUSR1, jump_out, SA_ONSTACK);
    for (int i = 0; i < 3; i++) {
        if (!sigsetjmp(back, 1))
            raise(SIGUSR1);
        EXPECT(is_alternate(handler_stack));
    }
    EXPECT_EQ(calls, 4);
    sigaltstack(NULL, &now);
    EXPECT_EQ(now.ss_flags, 0);
    EXPECT_EQ(now.ss_size, ALTERNATE_SIZE);
    end_alternate();
}

static volatile int depth;

static int deep(int n)
{
    volatile char fill[512];

    fill[n & 511] = (char)n;
    depth = n;
    return n < 1 << 30 ? deep(n + 1) + fill[0] : 0;
}

static void *overflow(void *argument)
{
    if (begin_alternate()) {
        catch (SIGSEGV, jump, SA_ONSTACK);
        for (int i = 0; i < 3; i++) {
            if (!sigsetjmp(back, 1))
                deep(0);
            EXPECT_EQ(got.si_signo, SIGSEGV);
            EXPECT(depth > 30);
        }
        end_alternate();
    }
    return argument;
}

TEST(libc_signals, a_handler_on_the_alternate_stack_survives_an_overflow)
{
    pthread_t thread;

    REQUIRE(!pthread_create(&thread, NULL, overflow, NULL));
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    EXPECT_EQ(calls, 3);
}

static volatile int spinning, stop_spinning;

static void stop(int signal)
{
    count(signal);
    stop_spinning = 1;
}

static void *spin(void *argument)
{
    spinning = 1;
    while (!stop_spinning)
        continue;
    return argument;
}

static sem_t semaphore;
static int wait_error;

static void *wait_in_semaphore(void *argument)
{
    spinning = 1;
    wait_error = sem_wait(&semaphore) ? errno : 0;
    return argument;
}

static void *wait_in_sleep(void *argument)
{
    struct timespec left = {0};

    spinning = 1;
    wait_error = nanosleep(&(struct timespec){.tv_sec = 1000}, &left) ? errno : 0;
    EXPECT(left.tv_sec > 800);
    return argument;
}

/* Start a thread, and send it the signal until its handler has run. A signal before it waits is
 * lost to the wait. */
static bool interrupt_thread(void *(*run)(void *), int flags)
{
    pthread_t thread;

    begin();
    spinning = stop_spinning = 0;
    wait_error = -1;
    set_handler(SIGUSR1, stop, flags);
    if (pthread_create(&thread, NULL, run, NULL))
        return false;
    while (!spinning)
        usleep(1000);
    usleep(20000);
    EXPECT_EQ(pthread_kill(thread, SIGUSR1), 0);
    if (flags & SA_RESTART) {
        usleep(20000);
        sem_post(&semaphore);
    }
    return pthread_join(thread, NULL) == 0;
}

TEST(libc_signals, a_thread_that_computes_is_interrupted)
{
    EXPECT(interrupt_thread(spin, 0));
    EXPECT_EQ(calls, 1);
    end();
}

TEST(libc_signals, waits_end_with_eintr_or_are_restarted)
{
    sem_init(&semaphore, 0, 0);
    EXPECT(interrupt_thread(wait_in_semaphore, 0));
    EXPECT_EQ(wait_error, EINTR);
    EXPECT(interrupt_thread(wait_in_semaphore, SA_RESTART));
    EXPECT_EQ(wait_error, 0);
    EXPECT(interrupt_thread(wait_in_sleep, 0));
    EXPECT_EQ(wait_error, EINTR);
    EXPECT_EQ(calls, 1);
    sem_destroy(&semaphore);
    end();
}

TEST(libc_signals, sigwait_and_its_like_accept_pending_signals)
{
    const sigset_t set = set_of(SIGUSR1);
    siginfo_t info;
    int signal = 0;

    begin();
    set_handler(SIGUSR1, count, 0);
    block(SIGUSR1);
    raise(SIGUSR1);
    EXPECT_EQ(sigwait(&set, &signal), 0);
    EXPECT_EQ(signal, SIGUSR1);
    EXPECT_EQ(sigtimedwait(&set, &info, &(struct timespec){.tv_nsec = 1000000}), -1);
    EXPECT_EQ(errno, EAGAIN);
    kill(getpid(), SIGUSR1);
    EXPECT_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    EXPECT_EQ(info.si_code, SI_USER);
    EXPECT_EQ(calls, 0);
    end();
}

TEST(libc_signals, sigsuspend_waits_for_a_handler_and_restores_the_mask)
{
    sigset_t none;

    begin();
    sigemptyset(&none);
    set_handler(SIGALRM, count, 0);
    block(SIGALRM);
    EXPECT_EQ(setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_usec = 2000}}, NULL), 0);
    EXPECT_EQ(sigsuspend(&none), -1);
    EXPECT_EQ(errno, EINTR);
    EXPECT_EQ(calls, 1);
    EXPECT(is_blocked(SIGALRM));
    end();
}

TEST(libc_signals, timers_generate_signals_until_they_are_deleted)
{
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 42};
    const struct itimerspec every_ms = {.it_value.tv_nsec = 1000000,
                                        .it_interval.tv_nsec = 1000000};
    timer_t timer;

    begin();
    catch (SIGRTMIN, note, 0);
    REQUIRE(!timer_create(CLOCK_MONOTONIC, &event, &timer));
    EXPECT_EQ(timer_settime(timer, 0, &every_ms, NULL), 0);
    while (calls < 3)
        pause();
    EXPECT_EQ(got.si_code, SI_TIMER);
    EXPECT_EQ(got.si_value.sival_int, 42);
    EXPECT_EQ(timer_delete(timer), 0);
    EXPECT_EQ(timer_settime(timer, 0, &every_ms, NULL), -1);
    EXPECT_EQ(alarm(100), 0);
    EXPECT_EQ(alarm(0), 100);
    end();
}

static pthread_mutex_t locked = PTHREAD_MUTEX_INITIALIZER;

static void *send_many(void *argument)
{
    const pthread_t thread = *(pthread_t *)argument;

    for (int i = 0; i < 50; i++) {
        pthread_kill(thread, SIGUSR1);
        usleep(200);
    }
    stop_spinning = 1;
    return argument;
}

static void allocate(int signal)
{
    void *volatile p = malloc(100);

    free(p);
    count(signal);
}

TEST(libc_signals, handlers_may_allocate_whatever_they_interrupt)
{
    pthread_t me = pthread_self(), sender;

    begin();
    stop_spinning = 0;
    set_handler(SIGUSR1, allocate, 0);
    REQUIRE(!pthread_create(&sender, NULL, send_many, &me));
    while (!stop_spinning) {
        void *volatile p = malloc(64);
        void *volatile q = malloc(200);

        free(p);
        pthread_mutex_lock(&locked);
        pthread_mutex_unlock(&locked);
        free(q);
    }
    EXPECT_EQ(pthread_join(sender, NULL), 0);
    EXPECT(calls > 0);
    end();
}
