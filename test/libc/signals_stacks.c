/* SPDX-License-Identifier: MIT */
/* Signals on alternate stacks. */
#include "test/harness/test.h"
#include "test/libc/signals.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define ALTERNATE_SIZE 65536

static char *alternate;
static const char *handler_stack;

static void note_stack(int signal)
{
    char here;
    stack_t now;

    count_signal(signal);
    handler_stack = &here;
    sigaltstack(NULL, &now);
    EXPECT_EQ(now.ss_flags, SS_ONSTACK);
    EXPECT_EQ(sigaltstack(&now, NULL), -1);
    EXPECT_EQ(errno, EPERM);
}

static void jump_out_of_alternate(int signal)
{
    note_stack(signal);
    siglongjmp(caught.back, 1);
}

static bool is_alternate(const char *address)
{
    return address > alternate && address < alternate + ALTERNATE_SIZE;
}

static bool begin_alternate(void)
{
    signals_begin();
    alternate = malloc(ALTERNATE_SIZE);
    return alternate &&
           !sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = ALTERNATE_SIZE}, NULL);
}

static void end_alternate(void)
{
    EXPECT_EQ(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL), 0);
    free(alternate);
    signals_end();
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
    EXPECT_EQ(caught.calls, 1);
    EXPECT(is_alternate(handler_stack));
    set_handler(SIGUSR1, jump_out_of_alternate, SA_ONSTACK);
    for (int i = 0; i < 3; i++) {
        if (!sigsetjmp(caught.back, 1))
            raise(SIGUSR1);
        EXPECT(is_alternate(handler_stack));
    }
    EXPECT_EQ(caught.calls, 4);
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
        catch_signal(SIGSEGV, jump_out_of_signal, SA_ONSTACK);
        for (int i = 0; i < 3; i++) {
            if (!sigsetjmp(caught.back, 1))
                deep(0);
            EXPECT_EQ(caught.info.si_signo, SIGSEGV);
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
    EXPECT_EQ(caught.calls, 3);
}
