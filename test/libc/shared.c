/* SPDX-License-Identifier: MIT */
/* What the threads of a program share in newlib: the heap, streams, the environment, files. */
#include "test/harness/test.h"
#include "test/libc/threads.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *allocate(void *argument)
{
    unsigned char *blocks[32] = {NULL};
    size_t sizes[32];
    unsigned state = 1 + (unsigned)(uintptr_t)argument;
    uintptr_t wrong = 0;

    for (int round = 0; round < 1500; round++) {
        const int i = (state = state * 1664525 + 1013904223) >> 27;

        if (blocks[i]) {
            for (size_t n = 0; n < sizes[i]; n += 7)
                wrong += blocks[i][n] != (unsigned char)(i ^ (int)(uintptr_t)argument);
            free(blocks[i]);
            blocks[i] = NULL;
            continue;
        }
        sizes[i] = 1 + (state >> 8) % 3000;
        blocks[i] = malloc(sizes[i]);
        if (blocks[i])
            memset(blocks[i], i ^ (int)(uintptr_t)argument, sizes[i]);
    }
    for (int i = 0; i < 32; i++)
        free(blocks[i]);
    return (void *)wrong;
}

TEST(libc_shared, malloc_serves_all_threads)
{
    EXPECT_EQ(run_all(allocate), 0);
}

static FILE *book;

static void *write_lines(void *argument)
{
    for (int i = 0; i < 200; i++)
        fprintf(book, "thread %u wrote line %d of its own: %.3f\n", (unsigned)(uintptr_t)argument,
                i, i / 8.0);
    return NULL;
}

/* The lines of each thread are whole and in order. */
TEST(libc_shared, printf_of_all_threads_keeps_lines_whole)
{
    int next[THREADS] = {0}, wrong = 0;
    char *text = NULL;
    size_t size = 0;

    book = open_memstream(&text, &size);
    REQUIRE(book);
    run_all(write_lines);
    EXPECT_EQ(fclose(book), 0);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char wanted[80];
        unsigned t = THREADS;

        sscanf(line, "thread %u", &t);
        if (t >= THREADS) {
            wrong++;
            continue;
        }
        snprintf(wanted, sizeof(wanted), "thread %u wrote line %d of its own: %.3f", t, next[t],
                 next[t] / 8.0);
        wrong += strcmp(line, wanted) != 0;
        next[t]++;
    }
    for (int i = 0; i < THREADS; i++)
        EXPECT_EQ(next[i], 200);
    EXPECT_EQ(wrong, 0);
    free(text);
}

static void *use_environment(void *argument)
{
    char name[20], value[20];
    uintptr_t wrong = 0;

    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "THREAD_%u_%d", (unsigned)(uintptr_t)argument, i);
        snprintf(value, sizeof(value), "%d", i * 3);
        wrong += setenv(name, value, 1) != 0;
    }
    return (void *)wrong;
}

TEST(libc_shared, setenv_serves_all_threads)
{
    unsigned found = 0;
    char name[20];

    EXPECT_EQ(run_all(use_environment), 0);
    for (unsigned t = 0; t < THREADS; t++)
        for (int i = 0; i < 50; i++) {
            snprintf(name, sizeof(name), "THREAD_%u_%d", t, i);
            found += getenv(name) && atoi(getenv(name)) == i * 3;
            unsetenv(name);
        }
    EXPECT_EQ(found, THREADS * 50);
}

static int holders[64], openers;
static struct timespec files_end;

static void *use_files(void *argument)
{
    uintptr_t wrong = 0;

    (void)argument;
    __atomic_add_fetch(&openers, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&openers, __ATOMIC_SEQ_CST) < THREADS)
        sched_yield();
    for (int i = 0; i < 20000 && (i % 64 || !is_over(&files_end)); i++) {
        const int fd = open("/dev/null", O_RDWR);

        if (fd < 3 || fd >= 64)
            return (void *)1;
        wrong += __atomic_add_fetch(&holders[fd], 1, __ATOMIC_SEQ_CST) != 1;
        __atomic_sub_fetch(&holders[fd], 1, __ATOMIC_SEQ_CST);
        wrong += close(fd) != 0;
    }
    return (void *)wrong;
}

/* No descriptor is returned to two threads at once. */
TEST(libc_shared, open_returns_each_descriptor_once)
{
    openers = 0;
    files_end = in_ms(CLOCK_MONOTONIC, 2000);
    EXPECT_EQ(run_all(use_files), 0);
}
