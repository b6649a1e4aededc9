/* SPDX-License-Identifier: MIT */
/*
 * Helpers for tests of libc's signals: handlers that record what they were called with, and masks.
 * Include test/harness/test.h first.
 */
#ifndef TEST_LIBC_SIGNALS_H
#define TEST_LIBC_SIGNALS_H

#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

/* What the handlers below have seen since signals_begin, and where jump_out_of_signal continues. */
struct caught {
    volatile int calls, order[8]; /* order: the first eight signals, then again from the start */
    siginfo_t info;               /* of the last signal, as context */
    ucontext_t context;
    sigjmp_buf back;
};
extern struct caught caught;

/* Forget what was caught. signals_end removes the handlers and the mask of a test. */
void signals_begin(void);
void signals_end(void);

/* Handlers: count the signal; store its information, too; and then jump to caught.back. */
void count_signal(int signal);
void note_signal(int signal, siginfo_t *info, void *context);
void jump_out_of_signal(int signal, siginfo_t *info, void *context);

/* Set the handler of a signal, with (SA_SIGINFO) or without information. */
void catch_signal(int signal, void (*handler)(int, siginfo_t *, void *), int flags);
void set_handler(int signal, void (*handler)(int), int flags);

/*
 * Run a function in a thread, and send that signals until the function has set *interrupted,
 * because it may not wait yet when the first arrives. It must within ten seconds.
 */
void expect_interrupted(void *(*run)(void *), void *argument, volatile bool *interrupted);

sigset_t set_of_signal(int signal);
void block_signal(int signal);
void unblock_signal(int signal);
bool is_signal_blocked(int signal);

#endif
