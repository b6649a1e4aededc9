/* SPDX-License-Identifier: MIT */
/*
 * Run cases of the Open POSIX Test Suite, whose main() has another name each (cases.c).
 *
 *     posix FIRST         all cases from this number on, until one ends the program
 *     posix NUMBER alone  one case, in a program without other threads
 *
 * Before a case its name is printed, and after it what it returned.
 * tools/paravane/programs/posix.py starts the program again after a case that ends it, and repeats
 * alone what did not pass.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"

#define SECONDS_MAX 30
#define NEEDS_FORK  77 /* a status that no case has; tools/paravane/programs/posix.py */

static jmp_buf after_case;
static pthread_t main_thread;
static volatile int now, seconds; /* the case that runs, and since when */
static volatile bool is_alone;

static void report(int status)
{
    printf("\ncase %s: %s: status %d\n", cases[now].name, status ? "failed" : "passed", status);
    fflush(stdout);
}

/* exit() of the cases. */
void case_exit(int status)
{
    if (!is_alone && pthread_equal(pthread_self(), main_thread)) {
        report(status);
        longjmp(after_case, 1);
    }
    if (!is_alone)
        report(status);
    exit(is_alone ? status : EXIT_SUCCESS);
}

/*
 * fork() of the cases, which fails here. Many do not compare its result with -1, and then kill(-1)
 * sends their signal to the program itself.
 */
pid_t case_fork(void)
{
    case_exit(NEEDS_FORK);
    return -1;
}

static void *watch(void *unused)
{
    for (seconds = 0; seconds < SECONDS_MAX; seconds++)
        sleep(1);
    printf("\ncase %s: failed: it takes more than %d s\n", cases[now].name, SECONDS_MAX);
    fflush(stdout);
    _exit(EXIT_SUCCESS);
    return unused;
}

/* Start the thread that ends a case which takes too long. No signal is delivered to it. */
static bool start_watch(void)
{
    pthread_t thread;
    sigset_t all, before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = !pthread_create(&thread, NULL, watch, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void forget_signals(void)
{
    const stack_t none = {.ss_flags = SS_DISABLE};
    sigset_t empty;

    alarm(0);
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    sigemptyset(&empty);
    pthread_sigmask(SIG_SETMASK, &empty, NULL);
    sigaltstack(&none, NULL);
}

static int run(int number)
{
    char *argv[] = {"case", NULL};

    now = number;
    seconds = 0;
    printf("\nbegin %s\n", cases[number].name);
    fflush(stdout);
    return cases[number].main(1, argv);
}

int main(int argc, char **argv)
{
    const int first = argc > 1 ? atoi(argv[1]) : 0;

    main_thread = pthread_self();
    is_alone = argc > 2;
    if (is_alone)
        return run(first);
    if (!start_watch())
        return EXIT_FAILURE;
    now = first - 1;
    if (!setjmp(after_case))
        now = first - 1;
    while (now + 1 < nr_cases) {
        forget_signals();
        report(run(now + 1));
    }
    puts("all cases");
    return EXIT_SUCCESS;
}
