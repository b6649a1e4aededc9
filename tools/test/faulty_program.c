/* SPDX-License-Identifier: MIT */
/* A program that ends as its argument says: none of these is a good end but "memory". */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

int panic = 3;

__attribute__((noinline)) int crash_here(int *p)
{
    return *(volatile int *)p;
}

static int deep(int n)
{
    volatile char fill[512];

    fill[n & 511] = (char)n;
    return deep(n + 1) + fill[0];
}

/* Use 6 MiB of stack, and return. */
static int deep_enough(int n)
{
    volatile char fill[1024];

    fill[n & 1023] = (char)n;
    return n ? deep_enough(n - 1) + fill[n & 1023] - (char)n : 0;
}

/*
 * Recurse with little stack in each step, and call a function of the kernel: it needs more than the
 * next step, so it is the one that has too little.
 */
static int creep(int n)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return creep(n + 1) + (int)now.tv_nsec;
}

/* Use a frame that is larger than what is left and the guard page below it. */
__attribute__((noinline)) static int large_frame(int n)
{
    volatile char fill[30000000];

    fill[n] = (char)n;
    return fill[n];
}

/* Use an array whose size is known at run time only. */
__attribute__((noinline)) static int array(size_t size)
{
    volatile char fill[size];

    fill[0] = 1;
    fill[size - 1] = 2;
    printf("an array of %zu bytes: %d\n", size, fill[0] + fill[size - 1]);
    return fill[0] + fill[size - 1] - 3;
}

static int use_up(void)
{
    size_t n = 0;

    while (malloc(1 << 20))
        n++;
    printf("%s after %zu MiB\n", strerror(errno), n);
    return 0;
}

/* Fill the file system, and show that removing the file makes room again. */
static int fill_files(void)
{
    static char block[1 << 16];
    FILE *file = fopen("/tmp/big", "w");
    size_t n = 0;

    while (fwrite(block, sizeof(block), 1, file) == 1)
        n++;
    printf("%s after %zu blocks\n", strerror(errno), n);
    fclose(file);
    if (remove("/tmp/big"))
        return 1;
    file = fopen("/tmp/again", "w");
    return !file || fwrite(block, sizeof(block), 1, file) != 1 || fclose(file);
}

/* Open files until that is refused. */
static int open_many(void)
{
    int n = 0;

    while (fopen("/dev/null", "r"))
        n++;
    printf("%s after %d files\n", strerror(errno), n);
    return 0;
}

static volatile sig_atomic_t alarms;

static void caught(int signal, siginfo_t *info, void *context)
{
    const ucontext_t *uc = context;
    char here;

    if (signal == SIGALRM) {
        alarms = alarms + 1;
        return;
    }
    printf("caught signal %d, code %d, on %s stack\n", signal, info->si_code,
           (uintptr_t)&here > (uintptr_t)uc->uc_stack.ss_sp &&
                   (uintptr_t)&here < (uintptr_t)uc->uc_stack.ss_sp + uc->uc_stack.ss_size
               ? "its own"
               : "the same");
    exit(signal == SIGSEGV ? 0 : 9);
}

/* Handle an overflow of main()'s stack, if flags has SA_ONSTACK. */
static int overflow(int flags)
{
    const struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | flags};
    const stack_t stack = {.ss_sp = malloc(SIGSTKSZ), .ss_size = SIGSTKSZ};

    return sigaltstack(&stack, NULL) || sigaction(SIGSEGV, &action, NULL) || deep(0);
}

/* Read lines until an alarm ends the wait for the next one. */
static int read_with_alarm(void)
{
    const struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
    char line[80];

    sigaction(SIGALRM, &action, NULL);
    alarm(1);
    while (fgets(line, sizeof(line), stdin))
        printf("read %s", line);
    printf("%s after %d alarm\n", strerror(errno), (int)alarms);
    return errno != EINTR;
}

static void allocate(int signal)
{
    free(malloc((size_t)(signal * (alarms % 50))));
    alarms = alarms + 1;
}

/* Let alarms with a handler that allocates interrupt malloc and free, in a program without threads.
 */
static int allocate_with_alarms(void)
{
    const struct itimerval often = {{0, 500}, {0, 500}};
    enum { BLOCKS = 64 };
    unsigned char *blocks[BLOCKS] = {NULL};
    int wrong = 0;

    signal(SIGALRM, allocate);
    setitimer(ITIMER_REAL, &often, NULL);
    for (unsigned int i = 0; alarms < 100; i++) {
        const unsigned int at = i * 7 % BLOCKS, size = 16 + i * 13 % 900;

        if (blocks[at])
            wrong += blocks[at][0] != at || blocks[at][15] != at;
        free(blocks[at]);
        blocks[at] = malloc(size);
        memset(blocks[at], (int)at, size);
    }
    printf("%d blocks are wrong after %d alarms\n", wrong, (int)alarms);
    return wrong != 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (!strcmp(what, "crash"))
        return crash_here((int *)(sizeof(int) * argc));
    if (!strcmp(what, "deep"))
        return deep(0);
    if (!strcmp(what, "creep"))
        return creep(0);
    if (!strcmp(what, "large"))
        return large_frame(0);
    if (!strcmp(what, "array"))
        return array(strtoul(argv[2], NULL, 10));
    if (!strcmp(what, "abort"))
        abort();
    if (!strcmp(what, "recursion"))
        return deep_enough(5500);
    if (!strcmp(what, "files"))
        return fill_files();
    if (!strcmp(what, "descriptors"))
        return open_many();
    while (!strcmp(what, "spin"))
        ;
    if (!strcmp(what, "overflow"))
        return overflow(SA_ONSTACK);
    if (!strcmp(what, "overflow-same"))
        return overflow(0);
    if (!strcmp(what, "alarm"))
        return alarm(1) || pause();
    if (!strcmp(what, "read"))
        return read_with_alarm();
    if (!strcmp(what, "malloc"))
        return allocate_with_alarms();
    if (!strcmp(what, "memory"))
        return use_up();
    return panic;
}
