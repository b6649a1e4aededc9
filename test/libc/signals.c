/* SPDX-License-Identifier: MIT */
/* Signals of programs: how they are sent, masked, queued and delivered; test/libc/signals.h. */
#include "test/harness/test.h"
#include "test/libc/signals.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

struct caught caught;

void count_signal(int signal)
{
    caught.order[caught.calls++ & 7] = signal;
}

void note_signal(int signal, siginfo_t *info, void *context)
{
    count_signal(signal);
    caught.info = *info;
    caught.context = *(ucontext_t *)context;
}

void jump_out_of_signal(int signal, siginfo_t *info, void *context)
{
    note_signal(signal, info, context);
    siglongjmp(caught.back, signal);
}

void catch_signal(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
    const struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

    EXPECT_EQ(sigaction(signal, &action, NULL), 0);
}

void set_handler(int signal, void (*handler)(int), int flags)
{
    const struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    EXPECT_EQ(sigaction(signal, &action, NULL), 0);
}

void expect_interrupted(void *(*run)(void *), void *argument, volatile bool *interrupted)
{
    const struct sigaction action = {.sa_handler = count_signal};
    struct sigaction before;
    pthread_t thread;

    *interrupted = false;
    EXPECT_EQ(sigaction(SIGUSR1, &action, &before), 0);
    REQUIRE(pthread_create(&thread, NULL, run, argument) == 0);
    for (int i = 0; i < 1000 && !*interrupted; i++) {
        pthread_kill(thread, SIGUSR1); /* it may have ended in the meantime */
        usleep(10000);
    }
    EXPECT(*interrupted);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    EXPECT_EQ(sigaction(SIGUSR1, &before, NULL), 0);
}

sigset_t set_of_signal(int signal)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signal);
    return set;
}

void block_signal(int signal)
{
    const sigset_t set = set_of_signal(signal);

    EXPECT_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
}

void unblock_signal(int signal)
{
    const sigset_t set = set_of_signal(signal);

    EXPECT_EQ(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
}

bool is_signal_blocked(int signal)
{
    sigset_t set;

    sigprocmask(SIG_BLOCK, NULL, &set);
    return sigismember(&set, signal);
}

void signals_begin(void)
{
    caught.calls = 0;
    memset(&caught.info, 0, sizeof(caught.info));
}

/* Ignoring a signal discards it if it is pending, so that it does not reach the next test. */
void signals_end(void)
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
    signals_begin();
    set_handler(SIGUSR1, count_signal, 0);
    EXPECT_EQ(raise(SIGUSR1), 0);
    EXPECT_EQ(caught.calls, 1);
    EXPECT_EQ(kill(getpid(), SIGUSR1), 0);
    EXPECT_EQ(caught.calls, 2);
    EXPECT_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    EXPECT_EQ(caught.calls, 3);
    signals_end();
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

    signals_begin();
    set_handler(SIGUSR1, count_signal, 0);
    set_handler(SIGUSR2, count_signal, 0);
    block_signal(SIGUSR1);
    block_signal(SIGUSR2);
    raise(SIGUSR2);
    raise(SIGUSR1);
    raise(SIGUSR1);
    EXPECT_EQ(caught.calls, 0);
    sigpending(&set);
    EXPECT(sigismember(&set, SIGUSR1) && sigismember(&set, SIGUSR2));
    EXPECT(!sigismember(&set, SIGHUP));
    unblock_signal(SIGUSR1);
    EXPECT_EQ(caught.calls, 1); /* a standard signal is pending once */
    unblock_signal(SIGUSR2);
    EXPECT_EQ(caught.calls, 2);
    EXPECT_EQ(caught.order[1], SIGUSR2);
    sigpending(&set);
    EXPECT(!sigismember(&set, SIGUSR2));
    signals_end();
}

TEST(libc_signals, real_time_signals_are_queued_with_their_values)
{
    signals_begin();
    catch_signal(SIGRTMIN + 1, note_signal, 0);
    catch_signal(SIGRTMIN, note_signal, 0);
    block_signal(SIGRTMIN);
    block_signal(SIGRTMIN + 1);
    for (int i = 1; i <= 3; i++)
        EXPECT_EQ(sigqueue(getpid(), SIGRTMIN + (i == 1), (union sigval){.sival_int = i}), 0);
    unblock_signal(SIGRTMIN + 1);
    EXPECT_EQ(caught.info.si_value.sival_int, 1);
    EXPECT_EQ(caught.calls, 1);
    unblock_signal(SIGRTMIN);
    EXPECT_EQ(caught.calls, 3);
    EXPECT_EQ(caught.info.si_value.sival_int, 3);
    EXPECT_EQ(caught.info.si_code, SI_QUEUE);
    EXPECT_EQ(caught.info.si_pid, getpid());
    signals_end();
}

static void nest(int signal)
{
    count_signal(signal);
    EXPECT(is_signal_blocked(SIGUSR1) && is_signal_blocked(SIGHUP) && !is_signal_blocked(SIGUSR2));
    raise(SIGUSR1);
    raise(SIGHUP);
    EXPECT_EQ(caught.calls, 1);
    raise(SIGUSR2);
    EXPECT_EQ(caught.calls, 2);
    set_handler(SIGUSR1, count_signal, 0);
}

TEST(libc_signals, masks_hold_while_a_handler_runs)
{
    const struct sigaction action = {.sa_handler = nest, .sa_mask = set_of_signal(SIGHUP)};

    signals_begin();
    set_handler(SIGUSR2, count_signal, 0);
    set_handler(SIGHUP, count_signal, 0);
    EXPECT_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    raise(SIGUSR1);
    EXPECT_EQ(caught.calls, 4); /* SIGHUP and SIGUSR1 were pending when nest returned */
    EXPECT(!is_signal_blocked(SIGUSR1) && !is_signal_blocked(SIGHUP));
    signals_end();
}

TEST(libc_signals, actions_are_ignored_reset_or_refused)
{
    struct sigaction old;

    signals_begin();
    block_signal(SIGUSR1);
    set_handler(SIGUSR1, count_signal, 0);
    raise(SIGUSR1);
    set_handler(SIGUSR1, SIG_IGN, 0); /* discards what is pending */
    set_handler(SIGUSR1, count_signal, (int)SA_RESETHAND);
    unblock_signal(SIGUSR1);
    EXPECT_EQ(caught.calls, 0);
    raise(SIGUSR1);
    EXPECT_EQ(caught.calls, 1);
    EXPECT_EQ(sigaction(SIGUSR1, NULL, &old), 0);
    EXPECT(old.sa_handler == SIG_DFL);
    EXPECT_EQ(sigaction(SIGKILL, &old, NULL), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT(signal(SIGSTOP, SIG_IGN) == SIG_ERR);
    block_signal(SIGKILL);
    EXPECT(!is_signal_blocked(SIGKILL));
    signals_end();
}
