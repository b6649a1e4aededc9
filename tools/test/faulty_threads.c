/* SPDX-License-Identifier: MIT */
/* For tools/paravane/selftest/programs.py: threads that do what they should not, and what became of
 * them. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *what;

static int deep(int n)
{
    volatile char fill[512];

    fill[n & 511] = (char)n;
    return deep(n + 1) + fill[0];
}

static int format_deeply(int n)
{
    char text[2048];

    snprintf(text, sizeof(text), "%1500.3f", (double)n);
    return format_deeply(n + 1) + text[0];
}

static void *run(void *p)
{
    static pthread_mutex_t normal;
    pthread_mutexattr_t attr;

    if (!strcmp(what, "deep"))
        deep(0);
    if (!strcmp(what, "format"))
        format_deeply(0);
    if (!strcmp(what, "crash"))
        *(volatile int *)p = 1;
    if (!strcmp(what, "exit"))
        exit(5);
    if (!strcmp(what, "relock")) {
        pthread_mutexattr_init(&attr);
        pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_NORMAL);
        pthread_mutex_init(&normal, &attr);
        pthread_mutex_lock(&normal);
        pthread_mutex_lock(&normal);
    }
    if (!strcmp(what, "last"))
        usleep(100000);
    while (!strcmp(what, "noise"))
        puts("noise");
    puts("the last thread has done");
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[4];

    what = argc > 1 ? argv[1] : "";
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, run, (void *)8);
    if (!strcmp(what, "last"))
        pthread_exit(NULL);
    if (!strcmp(what, "noise")) {
        usleep(200000);
        return 4;
    }
    pthread_join(threads[0], NULL);
    return 0;
}
